/** Faults at every system call of ADD and DEL of a plugin that stands in a chain, and what must be left then: nothing. */

import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import test from "node:test";
import { Chain } from "./chain.ts";
import { describe } from "./command.ts";
import { assertError, assertSuccess, resultOf } from "./expect.ts";
import { type Call, type Host, type Reply, type Verb, withHost } from "./host.ts";
import { errorAt, type Point, pointsOf, withFault } from "./inject.ts";
import { type Config, withResult } from "./networks.ts";
import { changes, type Snapshot } from "./snapshot.ts";

/** Always the same ones. */
const ipam: Config = {
  type: "static",
  addresses: [
    { address: "10.1.0.2/24", gateway: "10.1.0.1" },
    { address: "fd00:1::2/64", gateway: "fd00:1::1" },
  ],
};

/** Each follows ptp. What they change is all in a snapshot. */
const configs: Record<string, Config> = {
  bandwidth: { ingressRate: 8e6, egressRate: 8e6 },
  sbr: { addSourceHints: true },
  vrf: { vrfname: "blue" },
  tuning: {
    mac: "02:11:22:33:44:55",
    mtu: 1400,
    promisc: true,
    sysctl: { "net.ipv4.conf.lo.arp_filter": "1", "net.ipv4.conf.all.arp_notify": "1" },
  },
};

const member = (plugin: string): Config => ({
  cniVersion: "1.1.0",
  name: "net1",
  type: plugin,
  ...configs[plugin],
});

/** Calls with a fault at one point, and says whether ADD was the last thing that was done. */
type Step = (call: Call, point: Point) => Promise<[reply: Reply, last: "ADD" | "DEL"]>;

async function sweep(verb: Verb, plugin: string, step: (host: Host) => Step): Promise<void> {
  await withHost(async (host) => {
    await host.addNetns("c1");
    host.stay();
    const chain = new Chain(host, [{ type: "ptp", cniVersion: "1.1.0", ipam }]);
    const call = { plugin, config: withResult(member(plugin), await chain.add()) };
    // sbr's DEL does not bring routes back that the interface will not need any more.
    const renew = async () => {
      if (plugin !== "sbr") return;
      await chain.del();
      call.config = withResult(member(plugin), await chain.add());
    };
    // The first time makes what stays: directories.
    for (const once of ["ADD", "DEL"] as const) await host.cni(once, call);
    await renew();
    if (verb === "DEL") resultOf(await host.cni("ADD", call));
    const points = await pointsOf(host, verb, call);
    assert.ok(points.length > 10, `only ${points.length} system calls`);
    assertSuccess(await host.cni("DEL", call));
    await renew();
    const before = await host.snapshot();
    const queues = await queuesOf(host, plugin);
    const faults: string[] = [];
    for (const point of points) {
      const [reply, last] = await step(host)(call, point);
      const left = await leftovers(host, before, plugin === "sbr" ? last : undefined);
      const queuesNow = await queuesOf(host, plugin);
      if (queuesNow !== queues) left.push(queuesNow);
      await renew();
      if (left.length === 0) continue;
      const where = `at the ${point.ordinal}. such call, ${point.text}`;
      faults.push([where, ...left, describe(reply)].join("\n"));
      await host.cni("DEL", call);
    }
    const shown = faults.slice(0, 6).join("\n\n");
    assert.equal(faults.length, 0, `${faults.length} of ${points.length} points:\n${shown}`);
  });
}

/** What is no part of a snapshot: where packets wait. The filters are where they arrive, and go with that. */
async function queuesOf(host: Host, plugin: string): Promise<string> {
  if (plugin !== "bandwidth") return "";
  return host.run("sh", "-ec", "tc qdisc show; tc -n c1 qdisc show");
}

/** What is not as before; for routing (`last`) nothing else is looked at, as the interface is a new one each time. */
async function leftovers(
  host: Host,
  before: Snapshot,
  last: "ADD" | "DEL" | undefined,
): Promise<string[]> {
  const found = changes(before, await host.snapshot());
  if (last !== undefined) {
    const routing = found.filter((line) => /^. c1: (rule|route) /.test(line));
    if (last === "ADD") return routing;
    return routing.filter((line) => line.startsWith("+") && !line.includes("table main"));
  }
  const backups = host.outside("/run/cni/tuning");
  const files = existsSync(backups)
    ? readdirSync(backups, { recursive: true, encoding: "utf8" })
    : [];
  // A killed process may leave a file without its name; nobody reads those.
  return [...found, ...files.filter((name) => name.endsWith(".json"))];
}

/** Makes the three tests of a plugin. */
export function testChainedFaults(plugin: string): void {
  test(`${plugin}: an error of any system call of ADD fails it cleanly, and leaves nothing`, () =>
    sweep("ADD", plugin, (host) => async (call, point) => {
      const reply = await host.cni("ADD", withFault(call, point, errorAt(point)));
      if (reply.status === 0) {
        resultOf(reply);
        assertSuccess(await host.cni("DEL", call));
        return [reply, "DEL"];
      }
      if (reply.stdout !== "") assertError(reply, {});
      assert.equal(reply.signal, null, describe(reply));
      return [reply, "ADD"];
    }));

  test(`${plugin}: after SIGKILL at any system call of ADD, DEL cleans up`, () =>
    sweep("ADD", plugin, (host) => async (call, point) => {
      const reply = await host.cni("ADD", withFault(call, point, "signal=SIGKILL"));
      assert.equal(reply.signal, "SIGKILL", describe(reply));
      assertSuccess(await host.cni("DEL", call));
      return [reply, "DEL"];
    }));

  test(`${plugin}: after an error of any system call of DEL, another DEL cleans up`, () =>
    sweep("DEL", plugin, (host) => async (call, point) => {
      resultOf(await host.cni("ADD", call));
      const reply = await host.cni("DEL", withFault(call, point, errorAt(point)));
      // One that says it succeeded must have done it all.
      if (reply.status !== 0) assertSuccess(await host.cni("DEL", call));
      return [reply, "DEL"];
    }));
}
