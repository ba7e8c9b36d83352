/** Many host-locals at once on one directory, ours and the reference's: nothing is given twice, nothing is lost. */

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import test from "node:test";
import { describe } from "./harness/command.ts";
import { withoutReference } from "./harness/executables.ts";
import { assertError, assertSuccess, resultOf } from "./harness/expect.ts";
import { type Call, type Host, withHost } from "./harness/host.ts";
import { hostLocalConfig } from "./harness/networks.ts";
import { readReservations } from "./harness/snapshot.ts";
import { oursInWorld, referenceInWorld } from "./harness/world.ts";

/** The same numbers in every run (mulberry32): a failure can be had again. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const ranges = [
  [{ subnet: "10.1.0.0/27" }, { subnet: "10.2.0.0/28", rangeStart: "10.2.0.4" }],
  [{ subnet: "fd00:1::/64" }],
];
const config = hostLocalConfig({ ranges }, { cniVersion: "1.0.0" });

function callOf(containerId: string, from: string): Call {
  return { plugin: "host-local", config, containerId, from, netns: "/run/netns/none" };
}

/** Who holds each address, by what the calls were told. */
type Given = Map<string, string>;

interface Worker {
  readonly host: Host;
  readonly given: Given;
  readonly random: (below: number) => number;
  readonly containers: readonly string[];
}

/** One call in random order; only this worker calls for its containers. */
async function operate({ host, given, random, containers }: Worker): Promise<void> {
  const from = random(2) === 0 ? oursInWorld : referenceInWorld;
  const containerId = containers[random(containers.length)] ?? "";
  const held = [...given].filter(([, holder]) => holder === containerId);
  const call = callOf(containerId, from);
  const kind = random(10);
  if (kind < 2) {
    const reply = await host.cni("CHECK", call);
    assert.equal(reply.status === 0, held.length > 0, describe(reply));
  } else if (held.length === 0) {
    const { ips = [] } = resultOf(await host.cni("ADD", call));
    assert.equal(ips.length, 2);
    for (const { address } of ips) {
      assert.equal(given.get(address), undefined, `${address} is given twice`);
      given.set(address, containerId);
    }
  } else if (kind < 4) {
    assertError(await host.cni("ADD", call), { code: 999, msg: /duplicate allocation/ });
  } else {
    for (const [address] of held) given.delete(address);
    assertSuccess(await host.cni("DEL", call));
  }
}

test("1,000 calls of both suites in random order, four at once", { skip: withoutReference }, () =>
  withHost(async (host) => {
    const given: Given = new Map();
    const workers = [1, 2, 3, 4].map(async (seed) => {
      const containers = Array.from({ length: 8 }, (_, i) => `w${seed}-${i}`);
      const worker = { host, given, random: randomNumbers(seed), containers };
      for (let i = 0; i < 250; i++) await operate(worker);
    });
    await Promise.all(workers);
    const told = [...given].map(
      ([address, id]) => `net1/${address.replace(/\/.*/, "")} ${id} eth0`,
    );
    assert.deepEqual(readReservations(host), told.sort());
    // Each frees what the other reserved.
    let turn = 0;
    for (const containerId of new Set(given.values())) {
      const from = turn++ % 2 === 0 ? oursInWorld : referenceInWorld;
      assertSuccess(await host.cni("DEL", callOf(containerId, from)));
    }
    assert.deepEqual(readReservations(host), []);
    const names = readdirSync(host.outside("/var/lib/cni/networks/net1")).sort();
    assert.deepEqual(names, ["last_reserved_ip.0", "last_reserved_ip.1", "lock"]);
  }),
);

test("200 at once on a range of 200 all succeed, and the next one is told that it is exhausted", () =>
  withHost(async (host) => {
    const range = { subnet: "10.1.0.0/24", rangeStart: "10.1.0.10", rangeEnd: "10.1.0.209" };
    const config = hostLocalConfig({ ranges: [[range]] });
    const call = (containerId: string): Call => ({
      plugin: "host-local",
      config,
      containerId,
      netns: "/run/netns/none",
    });
    const ids = Array.from({ length: 200 }, (_, i) => `c${i}`);
    const replies = await Promise.all(ids.map((id) => host.cni("ADD", call(id))));
    const addresses = replies.map((reply) => resultOf(reply).ips?.[0]?.address);
    assert.equal(new Set(addresses).size, 200);
    assertError(await host.cni("ADD", call("late")), {
      code: 999,
      msg: "failed to allocate for range 0: no IP addresses available in range set: 10.1.0.10-10.1.0.209",
    });
    assertError(await host.cni("STATUS", call("")), {
      code: 50,
      details: "range set 0: 0 of 200 free",
    });
    const released = await Promise.all(ids.map((id) => host.cni("DEL", call(id))));
    for (const reply of released) assertSuccess(reply);
    assert.deepEqual(readReservations(host), []);
  }));
