/** Errors of the kernel, and SIGKILL, at every system call of the interface plugins' ADD and DEL: nothing stays behind. */

import assert from "node:assert/strict";
import test from "node:test";
import { describe } from "./harness/command.ts";
import { assertError, assertSuccess, resultOf } from "./harness/expect.ts";
import { type Call, type Host, type Reply, type Verb, withHost } from "./harness/host.ts";
import { missedPoint, type Point, pointsOf, withFault } from "./harness/inject.ts";
import { addWire, networkOf } from "./harness/interface-plugin.ts";
import { changes, type Snapshot } from "./harness/snapshot.ts";

/** The bridge plugin has a test of its own; vlan, ipvlan and dummy go macvlan's ways. */
const calls: Record<string, Call> = {
  veth: { plugin: "veth", config: networkOf("veth") },
  macvlan: {
    plugin: "macvlan",
    config: networkOf("macvlan", { master: "wire0", enabledad: false }),
  },
  tap: { plugin: "tap", config: networkOf("tap", { enabledad: false, owner: 1000 }) },
  "host-device": {
    plugin: "host-device",
    config: networkOf("host-device", { device: "wire0", enabledad: false }),
  },
};

/** What these calls may well fail with; the others get ENOMEM. */
const likelyErrors: Readonly<Record<string, string>> = {
  openat: "EMFILE",
  read: "EIO",
  write: "ENOSPC",
  sendto: "ENOBUFS",
  recvfrom: "ENOBUFS",
  recvmmsg: "ENOBUFS",
  setns: "EPERM",
  socket: "EMFILE",
};

const faultAt = ({ name }: Point) => `error=${likelyErrors[name] ?? "ENOMEM"}`;

/** Tells what is wrong at one point; undefined if nothing is. */
type Step = (point: Point, before: Snapshot) => Promise<string | undefined>;

async function sweep(verb: Verb, call: Call, step: (host: Host) => Step): Promise<void> {
  await withHost(async (host) => {
    await host.addNetns("c1");
    await addWire(host);
    await host.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1");
    // The first time makes what stays: the store's directory.
    for (const once of ["ADD", "DEL"] as const) await host.cni(once, call);
    if (verb === "DEL") resultOf(await host.cni("ADD", call));
    const points = await pointsOf(host, verb, call);
    assert.ok(points.length > 20, `only ${points.length} system calls`);
    assertSuccess(await host.cni("DEL", call));
    const before = await host.snapshot();
    const faults: string[] = [];
    for (const point of points) {
      const fault = await step(host)(point, before);
      if (fault === undefined) continue;
      faults.push(`at the ${point.ordinal}. such call, ${point.text}\n${fault}`);
      await host.cni("DEL", call);
    }
    const shown = faults.slice(0, 6).join("\n\n");
    assert.equal(faults.length, 0, `${faults.length} of ${points.length} points:\n${shown}`);
  });
}

async function leftovers(host: Host, before: Snapshot, reply: Reply): Promise<string | undefined> {
  const differences = changes(before, await host.snapshot());
  return differences.length === 0 ? undefined : [...differences, describe(reply)].join("\n");
}

for (const [plugin, call] of Object.entries(calls)) {
  test(`${plugin}: an error of any system call of ADD fails it cleanly, and leaves nothing`, () =>
    sweep("ADD", call, (host) => async (point, before) => {
      const reply = await host.cni("ADD", withFault(call, point, faultAt(point)));
      if (reply.status === 0) {
        resultOf(reply);
        assertSuccess(await host.cni("DEL", call));
      } else if (reply.stdout !== "") assertError(reply, {});
      if (reply.signal !== null) return `ended by a signal: ${describe(reply)}`;
      return leftovers(host, before, reply);
    }));

  test(`${plugin}: after SIGKILL at any system call of ADD, DEL cleans up`, () =>
    sweep("ADD", call, (host) => async (point, before) => {
      const reply = await host.cni("ADD", withFault(call, point, "signal=SIGKILL"));
      if (missedPoint(point, reply)) return `was not killed: ${describe(reply)}`;
      assertSuccess(await host.cni("DEL", call));
      return leftovers(host, before, reply);
    }));

  test(`${plugin}: after an error of any system call of DEL, another DEL cleans up`, () =>
    sweep("DEL", call, (host) => async (point, before) => {
      resultOf(await host.cni("ADD", call));
      const reply = await host.cni("DEL", withFault(call, point, faultAt(point)));
      const fault = reply.status === 0 ? await leftovers(host, before, reply) : undefined;
      assertSuccess(await host.cni("DEL", call));
      return fault ?? leftovers(host, before, reply);
    }));
}
