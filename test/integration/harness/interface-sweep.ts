/** Faults at every system call of an interface plugin's ADD and DEL, and what must be left then: nothing. */

import assert from "node:assert/strict";
import test from "node:test";
import { describe } from "./command.ts";
import { assertError, assertSuccess, resultOf } from "./expect.ts";
import { type Call, type Host, type Reply, type Verb, withHost } from "./host.ts";
import { missedPoint, type Point, pointsOf, withFault } from "./inject.ts";
import { addWire } from "./interface-plugin.ts";
import { changes, type Snapshot } from "./snapshot.ts";

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

/** The call under test. */
export interface SweepOptions {
  /**
   * Only each of so many points, for a kernel that is slow; TSCNI_EVERY_CALL=1 in the environment makes it all. The
   * ways of these plugins are those of others, which are tested at every point.
   */
  readonly stride?: number;
  /** Removes what may stay after DEL: the bridge. */
  readonly reset?: (host: Host) => Promise<unknown>;
}

/** Tells what is wrong at one point; undefined if nothing is. */
type Step = (point: Point, before: Snapshot) => Promise<string | undefined>;

async function sweep(
  verb: Verb,
  { call, stride = 1, reset = async () => {} }: SweepOptions & { readonly call: Call },
  step: (host: Host) => Step,
): Promise<void> {
  const every = process.env.TSCNI_EVERY_CALL === "1" ? 1 : stride;
  await withHost(async (host) => {
    await host.addNetns("c1");
    await addWire(host);
    await host.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1");
    // The first time makes what stays: the store's directory.
    for (const once of ["ADD", "DEL"] as const) await host.cni(once, call);
    await reset(host);
    if (verb === "DEL") resultOf(await host.cni("ADD", call));
    const points = await pointsOf(host, verb, call);
    assert.ok(points.length > 20, `only ${points.length} system calls`);
    assertSuccess(await host.cni("DEL", call));
    await reset(host);
    const before = await host.snapshot();
    const faults: string[] = [];
    for (const point of points.filter((_, place) => place % every === every - 1)) {
      const fault = await step(host)(point, before);
      await reset(host);
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

/** Makes the three tests of a call. */
export function testFaults(plugin: string, call: Call, options: SweepOptions = {}): void {
  const { reset = async () => {} } = options;
  const subject = { ...options, call };
  const remove = async (host: Host) => {
    assertSuccess(await host.cni("DEL", call));
    await reset(host);
  };

  test(`${plugin}: an error of any system call of ADD fails it cleanly, and leaves nothing`, () =>
    sweep("ADD", subject, (host) => async (point, before) => {
      const reply = await host.cni("ADD", withFault(call, point, faultAt(point)));
      if (reply.status === 0) {
        resultOf(reply);
        await remove(host);
      } else if (reply.stdout !== "") assertError(reply, {});
      if (reply.signal !== null) return `ended by a signal: ${describe(reply)}`;
      return leftovers(host, before, reply);
    }));

  test(`${plugin}: after SIGKILL at any system call of ADD, DEL cleans up`, () =>
    sweep("ADD", subject, (host) => async (point, before) => {
      const reply = await host.cni("ADD", withFault(call, point, "signal=SIGKILL"));
      if (missedPoint(point, reply)) return `was not killed: ${describe(reply)}`;
      await remove(host);
      return leftovers(host, before, reply);
    }));

  test(`${plugin}: after an error of any system call of DEL, another DEL cleans up`, () =>
    sweep("DEL", subject, (host) => async (point, before) => {
      resultOf(await host.cni("ADD", call));
      const reply = await host.cni("DEL", withFault(call, point, faultAt(point)));
      if (reply.status === 0) await reset(host);
      const fault = reply.status === 0 ? await leftovers(host, before, reply) : undefined;
      await remove(host);
      return fault ?? leftovers(host, before, reply);
    }));
}
