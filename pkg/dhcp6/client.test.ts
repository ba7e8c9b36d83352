import assert from "node:assert/strict";
import test from "node:test";
import { step } from "./client.ts";
import { firstOf } from "./message.ts";
import { MessageType, Option, StatusCode } from "./option.ts";
import { newClient } from "./state.ts";
import {
  address,
  identity,
  otherServer,
  patience,
  Simulation,
  sentIn,
  server,
  told,
  u32,
} from "./testing/simulation.ts";

const { advertise, reply } = MessageType;
const preferred = (value: number) => [[Option.preference, Uint8Array.of(value)]] as const;

test("solicit, advertise, request, reply: the offers of the first wait are gathered", () => {
  const sim = new Simulation();
  assert.deepEqual(told(sim.start()), ["solicit"]);
  const wait = (sim.client.wakeAt ?? 0) - sim.now;
  assert.ok(wait >= 1000 && wait <= 1100, `${wait}`);
  assert.deepEqual(told(sim.hear({ type: advertise, options: preferred(1) })), []);
  assert.deepEqual(
    told(sim.hear({ type: advertise, server: otherServer, options: preferred(7) })),
    [],
  );
  const [request] = sentIn(sim.wake());
  assert.equal(request?.type, MessageType.request);
  assert.deepEqual(firstOf(request?.options ?? [], Option.serverId), otherServer);
  assert.deepEqual(told(sim.hear({ server })), [], "another server's answer is none");
  assert.deepEqual(told(sim.hear({ server: otherServer })), ["bound"]);
  const { lease } = sim.client;
  assert.deepEqual(lease?.addresses, [address]);
  assert.equal(lease?.renewAt, sim.client.sentAt + 30_000);
  assert.equal(lease?.rebindAt, sim.client.sentAt + 48_000);
  assert.equal(lease?.expiresAt, sim.client.sentAt + 120_000);
});

test("a server of the highest preference, and any after the first wait, is taken at once", () => {
  const sim = new Simulation();
  sim.start();
  assert.deepEqual(told(sim.hear({ type: advertise, options: preferred(255) })), ["request"]);
  const slow = new Simulation();
  slow.start();
  assert.deepEqual(told(slow.wake()), ["solicit"]);
  assert.deepEqual(told(slow.hear({ type: advertise })), ["request"]);
});

test("one message each way, only where it was asked for", () => {
  const option = [[Option.rapidCommit, new Uint8Array(0)]] as const;
  const sim = new Simulation({ rapidCommit: true });
  assert.ok(firstOf(sentIn(sim.start())[0]?.options ?? [], Option.rapidCommit));
  assert.deepEqual(told(sim.hear({ options: option })), ["bound"]);
  const plain = new Simulation();
  plain.start();
  assert.deepEqual(told(plain.hear({ options: option })), []);
});

test("what is for others is ignored: transaction, DUID, no server, wrong phase", () => {
  const sim = new Simulation();
  sim.start();
  sim.hear({ type: advertise, transaction: 1 });
  sim.hear({ type: advertise, duid: Uint8Array.of(0, 4, 9) });
  sim.hear({ type: advertise, server: new Uint8Array(0) });
  sim.hear({ type: reply });
  assert.equal(sim.client.ignored, 4);
  assert.equal(sim.client.offer, undefined);
});

test("offers without an address, of another association or with senseless times are none", () => {
  for (const difference of [
    { addresses: [] },
    { addresses: [], status: StatusCode.noAddrsAvail },
    { addresses: ["ff02::1"] },
    { addresses: ["fe80::1"] },
    { addresses: ["::"] },
    { valid: 0, preferred: 0 },
    { preferred: 200, valid: 100 },
    { renewal: 60, rebinding: 30 },
    { iaid: Uint8Array.of(1, 1, 1, 1) },
  ]) {
    const sim = new Simulation();
    sim.start();
    sim.hear({ type: advertise, ...difference });
    assert.equal(sim.client.offer, undefined, JSON.stringify(difference));
  }
});

test("nobody answers: it asks again at doubled times and gives up in the end", () => {
  const sim = new Simulation();
  sim.start();
  const waits: number[] = [];
  let ended: string[] = [];
  for (let last = sim.now; sim.client.phase !== "stopped"; last = sim.now) {
    const actions = sim.wake();
    waits.push(sim.now - last);
    ended = told(actions);
  }
  const doubled = waits.slice(1, -1).every((wait, at) => {
    const ratio = wait / (waits[at] ?? 1);
    return ratio > 1.8 && ratio < 2.2;
  });
  assert.ok(doubled, waits.join(" "));
  assert.deepEqual(ended, ["failed"]);
  assert.equal(sim.now, 1_000_000 + patience.giveUp);
});

test("a request that stays unanswered ten times leads back to the search", () => {
  const sim = new Simulation({}, { giveUp: 10_000_000 });
  sim.start();
  sim.hear({ type: advertise, options: preferred(255) });
  for (let tries = 1; tries < 10; tries++) assert.deepEqual(told(sim.wake()), ["request"]);
  assert.deepEqual(told(sim.wake()), ["solicit"]);
});

test("renewed at T1 by the server alone, at T2 by anyone", () => {
  const sim = new Simulation().bind();
  const [renew] = sentIn(sim.wake());
  assert.equal(renew?.type, MessageType.renew);
  assert.deepEqual(firstOf(renew?.options ?? [], Option.serverId), server);
  assert.deepEqual(told(sim.hear({ server: otherServer })), []);
  while (sim.client.phase === "renewing") sim.wake();
  assert.equal(sim.client.phase, "rebinding");
  const { lease: before } = sim.client;
  const actions = sim.hear({ server: otherServer });
  assert.deepEqual(actions, [{ do: "bound", lease: sim.client.lease, before }]);
  assert.equal(sim.client.lease?.server, "00030001bb");
});

test("a lease that nobody renews is lost when it ends, and the search never does", () => {
  const sim = new Simulation().bind();
  const { expiresAt } = sim.client.lease ?? {};
  let actions = sim.wake();
  while (told(actions)[0] !== "lost") actions = sim.wake();
  assert.equal(sim.now, expiresAt);
  for (let tries = 0; tries < 50; tries++) sim.wake();
  assert.equal(sim.client.phase, "soliciting");
});

test("NoBinding on renewal: the same address is requested anew; NotOnLink: it is lost", () => {
  const sim = new Simulation().bind();
  sim.wake();
  const [request] = sentIn(sim.hear({ addresses: [], status: StatusCode.noBinding }));
  assert.equal(request?.type, MessageType.request);
  assert.equal(firstOf(request?.options ?? [], Option.iaNa)?.length, 12 + 28);
  assert.deepEqual(told(sim.hear()), ["bound"]);
  sim.wake();
  assert.deepEqual(told(sim.hear({ addresses: [], status: StatusCode.notOnLink })), ["lost"]);
});

test("NoBinding, and nobody gives the address anew: it is lost when its time ends", () => {
  const sim = new Simulation().bind();
  const { expiresAt } = sim.client.lease ?? {};
  sim.wake();
  let actions = sim.hear({ addresses: [], status: StatusCode.noBinding });
  for (let tries = 0; tries < 40 && told(actions)[0] !== "lost"; tries++) actions = sim.wake();
  assert.deepEqual(told(actions), ["lost"]);
  assert.equal(sim.now, expiresAt);
});

test("NoBinding: an address that is given anew is not probed for, it is in use here", () => {
  const sim = new Simulation({}, { probe: 100 }).bind();
  sim.happen({ type: "probed", taken: [] });
  sim.wake();
  sim.hear({ addresses: [], status: StatusCode.noBinding });
  assert.deepEqual(told(sim.hear()), ["bound"]);
});

test("a reply to a renewal without the association, or with senseless times, takes nothing", () => {
  const sim = new Simulation().bind();
  sim.wake();
  assert.deepEqual(told(sim.hear({ iaid: Uint8Array.of(1, 1, 1, 1) })), []);
  assert.deepEqual(told(sim.hear({ renewal: 90, rebinding: 50 })), []);
  assert.equal(sim.client.phase, "renewing");
  assert.deepEqual(told(sim.hear()), ["bound"]);
});

test("a server in trouble is asked again; one that takes its offer back is not", () => {
  const sim = new Simulation();
  sim.start();
  sim.hear({ type: advertise, options: preferred(255) });
  sim.hear({ addresses: [], status: StatusCode.unspecFail });
  assert.equal(sim.client.phase, "requesting");
  sim.hear({ addresses: [], status: StatusCode.noAddrsAvail });
  assert.equal(sim.client.phase, "init");
  assert.deepEqual(told(sim.wake()), ["solicit"]);
});

test("an address that somebody has is declined, and another looked for later", () => {
  const sim = new Simulation({}, { probe: 100 });
  sim.start();
  sim.hear({ type: advertise, options: preferred(255) });
  assert.deepEqual(told(sim.hear()), ["probe"]);
  assert.deepEqual(told(sim.happen({ type: "probed", taken: [address] })), ["decline", "log"]);
  assert.equal(sim.client.lease, undefined);
  assert.deepEqual(told(sim.wake()), ["solicit"]);
  const kept = new Simulation({}, { probe: 100 });
  kept.start();
  kept.hear({ type: advertise, options: preferred(255) });
  kept.hear();
  assert.deepEqual(told(kept.happen({ type: "probed", taken: [] })), ["bound"]);
});

test("release names the server and the addresses, and ends everything", () => {
  const sim = new Simulation().bind();
  const [message] = sentIn(sim.happen({ type: "release" }));
  assert.equal(message?.type, MessageType.release);
  assert.deepEqual(firstOf(message?.options ?? [], Option.serverId), server);
  assert.deepEqual(told(sim.wake()), []);
  assert.equal(new Simulation().happen({ type: "release" }).length, 0);
});

test("a lease for ever is never renewed; times left to the client are half and four fifths", () => {
  const forEver = 0xffff_ffff;
  const sim = new Simulation().bind({
    preferred: forEver,
    valid: forEver,
    renewal: 0,
    rebinding: 0,
  });
  assert.equal(sim.client.wakeAt, null);
  assert.equal(sim.client.lease?.expiresAt, null);
  const other = new Simulation().bind({ preferred: 100, valid: 200, renewal: 0, rebinding: 0 });
  assert.equal(other.client.lease?.renewAt, other.client.sentAt + 50_000);
  assert.equal(other.client.lease?.rebindAt, other.client.sentAt + 80_000);
});

test("stateless: settings alone, asked for again in time", () => {
  const sim = new Simulation({ stateless: true });
  assert.deepEqual(told(sim.start()), ["informationRequest"]);
  const dns = Uint8Array.of(0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53);
  const refresh = [Option.informationRefreshTime, u32(700)] as const;
  sim.hear({ options: [[Option.dnsServers, dns], refresh] });
  assert.deepEqual(sim.client.lease?.dns, ["fd00::53"]);
  assert.deepEqual(sim.client.lease?.addresses, []);
  assert.equal(sim.client.wakeAt, sim.client.sentAt + 700_000);
  assert.deepEqual(told(sim.wake()), ["informationRequest"]);
});

test("the longest pause is the server's to set, within bounds", () => {
  for (const [seconds, expected] of [
    [120, 120_000],
    [1, 3_600_000],
    [100_000, 3_600_000],
  ] as const) {
    const sim = new Simulation();
    sim.start();
    const options = [[Option.solMaxRt, u32(seconds)]] as const;
    sim.hear({ type: advertise, addresses: [], options });
    assert.equal(sim.client.longestPause, expected);
  }
});

test("a saved lease: renewed at its time, at once where that has passed, lost where it has ended", () => {
  const { lease } = new Simulation().bind().client;
  const begin = (now: number) =>
    step(newClient(identity, patience, lease), { type: "start" }, { now, random: 5 });
  const at = lease?.renewAt ?? 0;
  assert.deepEqual(told(begin(at - 1).actions), []);
  assert.deepEqual(told(begin(at + 1).actions), ["renew"]);
  assert.deepEqual(told(begin((lease?.rebindAt ?? 0) + 1).actions), ["rebind"]);
  assert.deepEqual(told(begin((lease?.expiresAt ?? 0) + 1).actions), ["lost"]);
});
