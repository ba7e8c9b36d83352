/** What ADD and DEL cost does not depend on how many reservations there are, nor on how large a range is. */

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import test from "node:test";
import { withoutReference } from "./harness/executables.ts";
import { assertSuccess, resultOf } from "./harness/expect.ts";
import { type Host, type Verb, withHost } from "./harness/host.ts";
import { hostLocalConfig } from "./harness/networks.ts";
import { referenceInWorld } from "./harness/world.ts";

const store = "/var/lib/cni/networks/net1";
const config = hostLocalConfig({ ranges: [[{ subnet: "10.0.0.0/8" }]] }, { cniVersion: "1.0.0" });

function fill(host: Host, count: number): void {
  mkdirSync(host.outside(store), { recursive: true });
  for (let i = 0; i < count; i++) {
    const address = `10.1.${i >> 8}.${i & 255}`;
    writeFileSync(host.outside(`${store}/${address}`), `container${i}\r\neth0`);
  }
}

/** How many system calls a call makes. */
async function count(host: Host, verb: Verb, given: object = {}): Promise<number> {
  const wrap = ["strace", "-o", "/run/trace"];
  const netns = "/run/netns/none";
  const reply = await host.cni(verb, {
    plugin: "host-local",
    config,
    containerId: "x",
    netns,
    wrap,
    ...given,
  });
  if (verb === "ADD") resultOf(reply);
  else assertSuccess(reply);
  return readFileSync(host.outside("/run/trace"), "utf8").split("\n").length;
}

/** One more or less: when the clock's second has changed, the index gets a new name. */
function assertNear(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) <= 2, `${actual} calls instead of ${expected}`);
}

/** Calls until the index has all of so many reservations: each puts two thousand there. */
async function settle(host: Host, reservations: number): Promise<void> {
  const call = { plugin: "host-local", config, containerId: "x", netns: "/run/netns/none" };
  for (let done = 0; done < reservations; done += 4000) {
    resultOf(await host.cni("ADD", call));
    assertSuccess(await host.cni("DEL", call));
  }
}

test("ADD, CHECK and DEL make as many system calls with 1,000, 10,000 and 60,000 reservations as with 10", () =>
  withHost(async (host) => {
    const verbs = ["ADD", "CHECK", "DEL"] as const;
    const measure = async () => {
      const counts: number[] = [];
      for (const verb of verbs) counts.push(await count(host, verb));
      return counts;
    };
    const few: number[] = [];
    for (const reservations of [10, 1000, 10_000, 60_000]) {
      fill(host, reservations);
      await settle(host, reservations);
      const counts = await measure();
      if (few.length === 0) few.push(...counts);
      assert.ok(counts.every((calls) => calls < 60));
      verbs.forEach((_, at) => {
        assertNear(counts[at] ?? 0, few[at] ?? 0);
      });
    }
  }));

test(
  "after a change by the reference only the changed files are read",
  { skip: withoutReference },
  () =>
    withHost(async (host) => {
      fill(host, 3000);
      for (let i = 0; i < 3; i++)
        for (const verb of ["ADD", "DEL"] as const) await count(host, verb);
      const foreign = { from: referenceInWorld, containerId: "foreign", wrap: [] };
      const call = { plugin: "host-local", config, netns: "/run/netns/none" };
      resultOf(await host.cni("ADD", { ...call, ...foreign }));
      const calls = await count(host, "ADD");
      assert.ok(calls < 130, `${calls} calls`);
      assertSuccess(await host.cni("DEL", { ...call, ...foreign }));
      assert.ok((await count(host, "DEL")) < 130);
    }),
);

for (const subnet of ["10.0.0.0/12", "fd00::/64", "::/0"]) {
  test(`a range as large as ${subnet} costs what a small one does`, () =>
    withHost(async (host) => {
      const wide = { config: hostLocalConfig({ ranges: [[{ subnet, gateway: "192.0.2.1" }]] }) };
      const narrow = {
        config: hostLocalConfig({ ranges: [[{ subnet: "10.9.0.0/24" }]] }, { name: "net2" }),
      };
      for (const given of [wide, narrow]) {
        await count(host, "ADD", given);
        await count(host, "DEL", given);
      }
      assertNear(await count(host, "ADD", wide), await count(host, "ADD", narrow));
      assertNear(await count(host, "DEL", wide), await count(host, "DEL", narrow));
      assertSuccess(await host.cni("STATUS", { plugin: "host-local", ...wide }));
    }));
}
