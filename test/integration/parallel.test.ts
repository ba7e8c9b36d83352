/** A hundred containers at once. */

import assert from "node:assert/strict";
import { closeSync, openSync } from "node:fs";
import test from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { sharedVersion, withoutReference } from "./harness/executables.ts";
import { assertError, assertSuccess, resultOf } from "./harness/expect.ts";
import { type Call, type Host, type Reply, replyOf, type Verb, withHost } from "./harness/host.ts";
import { gatewayConfig, hostLocalConfig } from "./harness/networks.ts";
import { readReservations } from "./harness/snapshot.ts";
import { assertPing } from "./harness/traffic.ts";

const many = 100;
const names = Array.from({ length: many }, (_, index) => `c${index + 1}`);

/** Starts all calls, holds them at a gate until every process is there, and lets them go together. */
async function atOnce(host: Host, calls: readonly [Verb, Call][]): Promise<Reply[]> {
  const gate = "/run/work/gate";
  await host.run("sh", "-c", `rm -f ${gate}; mkfifo ${gate}`);
  // Opening a pipe to read waits for somebody who writes.
  const wrap = ["sh", "-c", `: <${gate}; exec "$@"`, "sh"];
  const running = calls.map(([verb, call]) =>
    host.startCni(verb, { ...call, wrap, deadlineMs: 120_000 }),
  );
  await pause(500);
  const writer = openSync(host.outside(gate), "r+");
  const outcomes = await Promise.all(running.map(({ outcome }) => outcome));
  closeSync(writer);
  return outcomes.map(replyOf);
}

function assertUnique(values: readonly string[]): void {
  assert.equal(new Set(values).size, values.length, "some are there twice");
}

async function linkCount(host: Host): Promise<number> {
  return (await host.ip("", "link", "show", "type", "veth")).length;
}

for (const bridge of ["that is not there yet", "that is there"]) {
  test(`${many} ADDs at once on a bridge ${bridge}, then ${many} DELs at once`, () =>
    withHost(async (host) => {
      await host.addNetns(...names);
      const config = gatewayConfig();
      if (bridge === "that is there") {
        const mac = ["address", "02:00:00:00:00:01"];
        await host.run("ip", "link", "add", "cni0", ...mac, "up", "type", "bridge");
      }
      const added = await atOnce(
        host,
        names.map((netns) => ["ADD", { config, netns }]),
      );
      const results = added.map(resultOf);
      const addresses = results.flatMap(({ ips = [] }) => ips.map(({ address }) => address));
      assert.equal(addresses.length, 2 * many);
      assertUnique(addresses);
      assertUnique(results.map(({ interfaces }) => interfaces?.[1]?.name ?? ""));
      assertUnique(results.map(({ interfaces }) => interfaces?.[2]?.mac ?? ""));
      assert.equal(new Set(results.map(({ interfaces }) => interfaces?.[0]?.mac)).size, 1);
      assert.equal(readReservations(host).length, 2 * many);
      assert.equal(await linkCount(host), many);
      await Promise.all([
        assertPing(host, "c1", "10.1.0.1"),
        assertPing(host, "c1", results[99]?.ips?.[0]?.address.replace(/\/.*/, "") ?? ""),
        assertPing(host, "c50", results[1]?.ips?.[1]?.address.replace(/\/.*/, "") ?? ""),
      ]);
      const removed = await atOnce(
        host,
        names.map((netns) => ["DEL", { config, netns }]),
      );
      for (const reply of removed) assertSuccess(reply);
      assert.deepEqual(readReservations(host), []);
      assert.equal(await linkCount(host), 0);
    }));
}

test("ADDs that fail do not take the bridge from those that succeed beside them", () =>
  withHost(async (host) => {
    const good = names.slice(0, 20);
    const bad = names.slice(20, 60);
    await host.addNetns(...good, ...bad);
    const config = gatewayConfig();
    const path = `${host.script("failing", "exit 3")}:/run/ours`;
    const failing: Call = { config: gatewayConfig({ ipam: { type: "failing" } }), path };
    const calls: [Verb, Call][] = bad.map((netns) => ["ADD", { ...failing, netns }]);
    good.forEach((netns, index) => {
      calls.splice(index * 3, 0, ["ADD", { config, netns }]);
    });
    const replies = await atOnce(host, calls);
    replies.forEach((reply, index) => {
      if (calls[index]?.[1].config === config) resultOf(reply);
      else assertError(reply, { code: 999, msg: /exit status 3/ });
    });
    assert.equal(await linkCount(host), good.length);
    for (const netns of good.slice(0, 5)) await assertPing(host, netns, "10.1.0.1");
    assert.equal(readReservations(host).length, 2 * good.length);
  }));

test("ADDs and DELs of different containers at once do not disturb each other", () =>
  withHost(async (host) => {
    const leaving = names.slice(0, 30);
    const coming = names.slice(30, 60);
    await host.addNetns(...leaving, ...coming);
    const config = gatewayConfig();
    for (const reply of await atOnce(
      host,
      leaving.map((netns) => ["ADD", { config, netns }]),
    ))
      resultOf(reply);
    const calls: [Verb, Call][] = leaving.flatMap((netns, index) => [
      ["DEL", { config, netns }],
      ["ADD", { config, netns: coming[index] }],
    ]);
    const replies = await atOnce(host, calls);
    replies.forEach((reply, index) => {
      if (calls[index]?.[0] === "ADD") resultOf(reply);
      else assertSuccess(reply);
    });
    const owners = readReservations(host).map((line) => line.split(" ")[1]);
    assert.deepEqual([...new Set(owners)].sort(), coming.map((name) => `container-${name}`).sort());
    assert.equal(owners.length, 2 * coming.length);
    assert.equal(await linkCount(host), coming.length);
  }));

test("the same ADD ten times at once succeeds once", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const config = gatewayConfig();
    const replies = await atOnce(
      host,
      Array.from({ length: 10 }, () => ["ADD", { config }]),
    );
    assert.equal(replies.filter(({ status }) => status === 0).length, 1);
    assert.equal(readReservations(host).length, 2);
    assert.equal(await linkCount(host), 1);
    await assertPing(host, "c1", "10.1.0.1");
  }));

test("a range of 50 addresses gives 100 who ask at once exactly 50", () =>
  withHost(async (host) => {
    const range = { subnet: "10.1.0.0/24", rangeStart: "10.1.0.10", rangeEnd: "10.1.0.59" };
    const config = hostLocalConfig({ ranges: [[range]] });
    const calls = names.map((containerId): [Verb, Call] => [
      "ADD",
      { plugin: "host-local", config, containerId, netns: "/run/netns/unused" },
    ]);
    const replies = await atOnce(host, calls);
    const good = replies.filter(({ status }) => status === 0);
    assert.equal(good.length, 50);
    assertUnique(good.map((reply) => resultOf(reply).ips?.[0]?.address ?? ""));
    for (const reply of replies) {
      if (reply.status !== 0) assertError(reply, { code: 999, msg: /no IP addresses available/ });
    }
    assert.equal(readReservations(host).length, 50);
  }));

test(
  "ours and the reference's host-local at once on one directory",
  { skip: withoutReference },
  () =>
    withHost(async (host) => {
      const config = hostLocalConfig({}, { cniVersion: sharedVersion });
      const calls = (verb: Verb) =>
        names.map((containerId, index): [Verb, Call] => [
          verb,
          {
            plugin: "host-local",
            from: index % 2 === 0 ? "/run/ours" : "/run/reference",
            config,
            containerId,
            netns: "/run/netns/unused",
          },
        ]);
      const addresses = (await atOnce(host, calls("ADD"))).flatMap((reply) =>
        (resultOf(reply).ips ?? []).map(({ address }) => address),
      );
      assert.equal(addresses.length, 2 * many);
      assertUnique(addresses);
      assert.equal(readReservations(host).length, 2 * many);
      for (const reply of await atOnce(host, calls("DEL"))) assertSuccess(reply);
      assert.deepEqual(readReservations(host), []);
    }),
);
