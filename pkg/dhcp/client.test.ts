import assert from "node:assert/strict";
import test from "node:test";
import { MessageType, Option } from "./option.ts";
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
} from "./testing/simulation.ts";
import { readU32, u32Bytes } from "./value.ts";

const { offer, ack, nak } = MessageType;

test("INIT to BOUND: discover, offer, request, ack", () => {
  const sim = new Simulation();
  assert.deepEqual(told(sim.start()), ["discover to all"]);
  assert.equal(sim.client.phase, "selecting");
  const [request] = sentIn(sim.hear({ type: offer }));
  assert.equal(sim.client.phase, "requesting");
  assert.equal(readU32(request?.message.options.get(Option.requestedAddress)), address);
  assert.equal(readU32(request?.message.options.get(Option.serverId)), server);
  assert.equal(request?.message.xid, sim.client.exchange.xid);
  assert.deepEqual(told(sim.hear({ type: ack })), ["bound"]);
  assert.equal(sim.client.phase, "bound");
  const { lease } = sim.client;
  assert.equal(lease?.address, address);
  assert.equal(lease?.prefixLength, 24);
  assert.deepEqual(lease?.routes, [{ destination: 0, length: 0, gateway: server }]);
});

test("every message carries the client's id, and the first two what is provided and requested", () => {
  const sim = new Simulation({ provide: [[Option.hostName, Uint8Array.of(119)]] });
  const messages = [...sentIn(sim.start()), ...sentIn(sim.hear({ type: offer }))];
  sim.hear({ type: ack });
  messages.push(...sentIn(sim.happen({ type: "release" })));
  assert.equal(messages.length, 3);
  for (const { message } of messages) {
    assert.deepEqual(message.options.get(Option.clientId), identity.clientId);
    const isRelease = message.options.get(Option.messageType)?.[0] === MessageType.release;
    assert.equal(message.options.has(Option.hostName), !isRelease);
    assert.equal(message.options.has(Option.parameterRequestList), !isRelease);
  }
});

test("the broadcast flag is set when asked for, and never once there is an address", () => {
  const sim = new Simulation({ broadcast: true });
  assert.equal(sentIn(sim.start())[0]?.message.broadcast, true);
  assert.equal(sentIn(sim.hear({ type: offer }))[0]?.message.broadcast, true);
  sim.hear({ type: ack });
  assert.equal(sentIn(sim.wake())[0]?.message.broadcast, false);
});

test("BOUND to RENEWING and back: a request to the server with ciaddr, no options 50 and 54", () => {
  const sim = new Simulation().bind();
  const bound = sim.now;
  const [request] = sentIn(sim.wake());
  assert.equal(sim.client.phase, "renewing");
  assert.ok(sim.now - bound >= 54_000 && sim.now - bound <= 60_000, `${sim.now - bound}`);
  assert.equal(request?.to, "server");
  assert.equal(request?.message.clientAddress, address);
  assert.equal(request?.message.options.has(Option.requestedAddress), false);
  assert.equal(request?.message.options.has(Option.serverId), false);
  const actions = sim.hear({ type: ack });
  assert.deepEqual(told(actions), ["bound"]);
  assert.equal(sim.client.lease?.expiresAt, sim.now + 120_000);
});

test("RENEWING to REBINDING to INIT: other servers are asked after T2, the address is lost in the end", () => {
  const sim = new Simulation().bind();
  const expires = sim.client.lease?.expiresAt ?? 0;
  const seen: string[] = [];
  while (sim.client.phase !== "init") seen.push(...told(sim.wake()));
  assert.equal(seen[0], "request to server");
  assert.ok(seen.includes("request to all"));
  assert.equal(seen.at(-1), "lost");
  assert.equal(sim.now, expires);
  assert.deepEqual(told(sim.wake()), ["discover to all"]);
});

test("REBINDING to BOUND: another server may answer", () => {
  const sim = new Simulation().bind();
  while (sim.client.phase !== "rebinding") sim.wake();
  assert.deepEqual(told(sim.hear({ type: ack, server: otherServer })), ["bound"]);
  assert.equal(sim.client.lease?.server, otherServer);
});

test("RENEWING: another server's ack and nak are nothing to it", () => {
  const sim = new Simulation().bind();
  sim.wake();
  assert.deepEqual(sim.hear({ type: ack, server: otherServer }), []);
  assert.deepEqual(sim.hear({ type: nak, server: otherServer }), []);
  assert.equal(sim.client.phase, "renewing");
});

for (const phase of ["renewing", "rebinding"] as const) {
  test(`${phase.toUpperCase()} to INIT: a nak takes the address at once`, () => {
    const sim = new Simulation().bind();
    while (sim.client.phase !== phase) sim.wake();
    assert.deepEqual(told(sim.hear({ type: nak })), ["lost"]);
    assert.equal(sim.client.phase, "init");
    assert.deepEqual(told(sim.wake()), ["discover to all"]);
    assert.deepEqual(told([...sim.hear({ type: offer }), ...sim.hear({ type: ack })]), [
      "request to all",
      "bound",
    ]);
  });
}

test("REQUESTING to INIT: a nak has the search begin again, after a pause", () => {
  const sim = new Simulation();
  sim.start();
  sim.hear({ type: offer });
  const before = sim.now;
  assert.deepEqual(told(sim.hear({ type: nak })), ["log"]);
  assert.deepEqual(told(sim.wake()), ["discover to all"]);
  assert.ok(sim.now - before >= 500);
});

test("REQUESTING: a server that does not go on is asked four times, then others are looked for", () => {
  const sim = new Simulation();
  sim.start();
  sim.hear({ type: offer });
  const seen: string[] = [];
  for (let at = 0; at < 4; at++) seen.push(...told(sim.wake()));
  assert.deepEqual(seen, ["request to all", "request to all", "request to all", "discover to all"]);
});

test("INIT-REBOOT: an expired lease from before is asked for, and confirmed", () => {
  const { lease } = new Simulation().bind().client;
  const sim = new Simulation();
  sim.client = newClient(identity, patience, lease);
  sim.now = 9_000_000;
  const [request] = sentIn(sim.start());
  assert.equal(sim.client.phase, "rebooting");
  assert.equal(readU32(request?.message.options.get(Option.requestedAddress)), address);
  assert.equal(request?.message.options.has(Option.serverId), false);
  assert.equal(request?.message.clientAddress, 0);
  assert.deepEqual(told(sim.hear({ type: ack, server: otherServer })), ["bound"]);
});

test("INIT-REBOOT to INIT: refused by a nak, or asked in vain", () => {
  for (const refuse of [true, false]) {
    const { lease } = new Simulation().bind().client;
    const sim = new Simulation();
    sim.client = newClient(identity, patience, lease);
    sim.now = 9_000_000;
    sim.start();
    const seen = refuse ? told(sim.hear({ type: nak })) : [];
    for (let at = 0; at < 5 && !seen.includes("lost"); at++) seen.push(...told(sim.wake()));
    assert.equal(seen.at(-1), "lost");
    assert.deepEqual(told(sim.wake()), ["discover to all"]);
  }
});

test("a lease from before that lives goes on where its times say", () => {
  const { lease } = new Simulation().bind().client;
  const since = lease?.since ?? 0;
  for (const [seconds, phase, said] of [
    [1, "bound", []],
    [70, "renewing", ["request to server"]],
    [110, "rebinding", ["request to all"]],
  ] as const) {
    const sim = new Simulation();
    sim.client = newClient(identity, patience, lease);
    sim.now = since + seconds * 1000;
    assert.deepEqual(told(sim.start()), [...said]);
    assert.equal(sim.client.phase, phase);
  }
});

test("a lease for ever is never renewed", () => {
  const sim = new Simulation().bind(0xffff_ffff);
  assert.equal(sim.client.wakeAt, null);
  assert.equal(sim.client.lease?.expiresAt, null);
  assert.deepEqual(told(sim.happen({ type: "release" })), ["release to server"]);
});

test("a probe: nobody answers, and the lease is taken", () => {
  const sim = new Simulation({}, { probe: 100 });
  sim.start();
  sim.hear({ type: offer });
  assert.deepEqual(sim.hear({ type: ack }), [{ do: "probe", address, ms: 100 }]);
  assert.deepEqual(told(sim.happen({ type: "probed", taken: false })), ["bound"]);
});

test("a probe: somebody has the address, which is declined; ten seconds later the search goes on", () => {
  const sim = new Simulation({}, { probe: 100 });
  sim.start();
  sim.hear({ type: offer });
  sim.hear({ type: ack });
  const [declined] = sentIn(sim.happen({ type: "probed", taken: true }));
  assert.equal(declined?.message.options.get(Option.messageType)?.[0], MessageType.decline);
  assert.equal(readU32(declined?.message.options.get(Option.requestedAddress)), address);
  assert.equal(readU32(declined?.message.options.get(Option.serverId)), server);
  const before = sim.now;
  assert.deepEqual(told(sim.wake()), ["discover to all"]);
  assert.equal(sim.now - before, 10_000);
});

test("rapid commit: an ack to the discover will do, where it was asked for", () => {
  const commit = [[Option.rapidCommit, new Uint8Array(0)]] as const;
  const sim = new Simulation({ rapidCommit: true });
  assert.ok(sentIn(sim.start())[0]?.message.options.has(Option.rapidCommit));
  assert.deepEqual(sim.hear({ type: ack }), []);
  assert.deepEqual(told(sim.hear({ type: ack, options: commit })), ["bound"]);
  const other = new Simulation();
  other.start();
  assert.deepEqual(other.hear({ type: ack, options: commit }), []);
});

test("lost messages: repeated after 4, 8, 16 ... seconds, one more or less, and not for ever", () => {
  const sim = new Simulation();
  sim.start();
  const waits: number[] = [];
  for (;;) {
    const before = sim.now;
    const seen = told(sim.wake());
    waits.push((sim.now - before) / 1000);
    if (seen[0] !== "discover to all") {
      assert.deepEqual(seen, ["failed"]);
      break;
    }
  }
  for (const [at, base] of [4, 8, 16, 32, 64].entries()) {
    assert.ok(Math.abs((waits[at] ?? 0) - base) <= 1, `${waits}`);
  }
  assert.equal(sim.now, 1_000_000 + patience.giveUp);
  assert.equal(sim.client.phase, "stopped");
});

test("a client that had a lease never gives up", () => {
  const sim = new Simulation().bind();
  for (let at = 0; at < 200; at++) sim.wake();
  assert.equal(sim.client.phase, "selecting");
  assert.ok(told(sim.actions).every((what) => what !== "failed"));
});

test("late and duplicated replies change nothing", () => {
  const sim = new Simulation();
  sim.start();
  const early = sim.reply({ type: offer });
  sim.wake();
  assert.deepEqual(sim.happen({ type: "message", message: early }), []);
  sim.hear({ type: offer });
  assert.deepEqual(sim.hear({ type: offer, server: otherServer }), []);
  const reply = sim.reply({ type: ack });
  sim.happen({ type: "message", message: reply });
  assert.deepEqual(sim.happen({ type: "message", message: reply }), []);
  assert.deepEqual(
    sim.happen({
      type: "message",
      message: { ...reply, options: sim.reply({ type: nak }).options },
    }),
    [],
  );
  assert.equal(sim.client.phase, "bound");
});

const forged = {
  "another exchange": { xid: 1 },
  "another hardware address": { hardware: Uint8Array.of(2, 0, 0, 0, 0, 2) },
  "a longer hardware address": { hardware: Uint8Array.of(2, 0, 0, 0, 0, 1, 0) },
  "another client's id": { clientId: Uint8Array.of(0, 99, 50) },
  "a client": { op: 1 },
  "no server": { options: [[Option.serverId, undefined]] as const },
  "a server 0.0.0.0": { server: 0 },
  "a server id of three bytes": { options: [[Option.serverId, Uint8Array.of(1, 2, 3)]] as const },
  "no type": { options: [[Option.messageType, undefined]] as const },
  "a type of two bytes": { options: [[Option.messageType, Uint8Array.of(5, 5)]] as const },
  "a server that made no offer": { server: otherServer },
  "an address that was not offered": { address: 0x0a090051 },
};

for (const [what, difference] of Object.entries(forged)) {
  test(`a forged ack of ${what} is ignored, the true one taken`, () => {
    const sim = new Simulation();
    sim.start();
    sim.hear({ type: offer });
    assert.deepEqual(sim.hear(difference), []);
    assert.equal(sim.client.phase, "requesting");
    assert.equal(sim.client.ignored, 1);
    assert.deepEqual(told(sim.hear({ clientId: identity.clientId })), ["bound"]);
  });
}

const rubbish = {
  "the address 0": { address: 0 },
  "a loopback address": { address: 0x7f000001 },
  "a multicast address": { address: 0xe0000001 },
  "its network's address": { address: 0x0a090000 },
  "its broadcast address": { address: 0x0a0900ff },
  "no mask": { options: [[Option.subnetMask, undefined]] as const },
  "the mask 0": { options: [[Option.subnetMask, u32Bytes(0)]] as const },
  "a mask with holes": { options: [[Option.subnetMask, u32Bytes(0xff00ff00)]] as const },
  "a mask of no length": { options: [[Option.subnetMask, new Uint8Array(0)]] as const },
  "a lease of 0 seconds": { lease: 0 },
  "a lease time of no length": { options: [[Option.leaseTime, new Uint8Array(0)]] as const },
};

for (const [what, difference] of Object.entries(rubbish)) {
  test(`an offer of ${what} is told and not taken`, () => {
    const sim = new Simulation();
    sim.start();
    assert.deepEqual(told(sim.hear({ type: offer, ...difference })), ["log"]);
    assert.deepEqual(told(sim.hear({ type: offer })), ["request to all"]);
  });
}

test("a lease without a router has no default route", () => {
  const sim = new Simulation();
  sim.start();
  sim.hear({ type: offer });
  sim.hear({ options: [[Option.routers, undefined]] });
  assert.deepEqual(sim.client.lease?.routes, []);
});

test("times that make no sense are replaced, sensible ones taken", () => {
  const cases = [
    { renew: undefined, rebind: undefined, expected: [60, 105] },
    { renew: 30, rebind: 90, expected: [30, 90] },
    { renew: 200, rebind: 300, expected: [60, 105] },
    { renew: 100, rebind: 50, expected: [25, 50] },
    { renew: 0, rebind: 0, expected: [60, 105] },
  ];
  for (const { renew, rebind, expected } of cases) {
    const sim = new Simulation();
    sim.start();
    sim.hear({ type: offer });
    sim.hear({
      options: [
        [Option.renewalTime, renew === undefined ? undefined : u32Bytes(renew)],
        [Option.rebindingTime, rebind === undefined ? undefined : u32Bytes(rebind)],
      ],
    });
    const { renewAt = 0, rebindAt = 0, since = 0 } = sim.client.lease ?? {};
    const [first = 0, second = 0] = expected;
    assert.ok((renewAt - since) / 1000 <= first + 8 && rebindAt - since === second * 1000);
    assert.ok(renewAt < rebindAt);
  }
});

test("release while there is no lease yet sends nothing and stops", () => {
  const sim = new Simulation();
  sim.start();
  assert.deepEqual(sim.happen({ type: "release" }), []);
  assert.equal(sim.client.phase, "stopped");
  assert.deepEqual(sim.hear({ type: offer }), []);
});

test("release while a request is under way gives back what the server may have granted by now", () => {
  const sim = new Simulation();
  sim.start();
  sim.hear({ type: offer });
  const [released] = sentIn(sim.happen({ type: "release" }));
  assert.equal(released?.message.options.get(Option.messageType)?.[0], MessageType.release);
  assert.equal(released?.message.clientAddress, address);
  assert.deepEqual(sim.hear({ type: ack }), []);
});

test("release between the ack and the probe's end gives the address back", () => {
  const sim = new Simulation({}, { probe: 100 });
  sim.start();
  sim.hear({ type: offer });
  sim.hear({ type: ack });
  assert.deepEqual(told(sim.happen({ type: "release" })), ["release to server"]);
  assert.deepEqual(sim.happen({ type: "probed", taken: false }), []);
});

test("a day of renewals: as many as there should be, and the state does not grow", () => {
  const sim = new Simulation().bind();
  const begin = sim.now;
  let renewals = 0;
  const size = JSON.stringify(sim.client).length;
  while (sim.now < begin + 86_400_000) {
    sim.actions.length = 0;
    sim.wake();
    if (sim.client.phase === "renewing") {
      sim.hear({ type: ack });
      renewals++;
    }
  }
  assert.ok(renewals >= 1440 && renewals <= 1620, `${renewals}`);
  assert.ok(JSON.stringify(sim.client).length < size + 120);
});
