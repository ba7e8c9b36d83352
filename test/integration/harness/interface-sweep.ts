/** Faults at every system call of an interface plugin's ADD and DEL, and what must be left then: nothing. */

import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { describe } from "./command.ts";
import { assertError, assertSuccess, resultOf } from "./expect.ts";
import { assertSame, type Call, type Host, type Reply, type Verb, withHost } from "./host.ts";
import { errorAt, missedPoint, type Point, pointsOf, withFault } from "./inject.ts";
import { addWire } from "./interface-plugin.ts";
import { changes, type Snapshot } from "./snapshot.ts";

/** The call under test. */
export interface SweepOptions {
  /** Removes what may stay after DEL, so that each ADD makes it: the bridge. */
  readonly reset?: (host: Host) => Promise<unknown>;
}

/** Tells what is wrong at one point, undefined if nothing is, and how the faulty call ended. */
type Step = (point: Point, before: Snapshot) => Promise<[fault: string | undefined, reply: Reply]>;

async function sweep(
  t: TestContext,
  verb: Verb,
  { call, reset = async () => {} }: SweepOptions & { readonly call: Call },
  step: (host: Host) => Step,
): Promise<void> {
  await withHost(async (host) => {
    await host.addNetns("c1");
    await addWire(host);
    await host.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1");
    host.stay();
    // The first time makes what stays: the store's directory, and for DEL the bridge.
    for (const once of ["ADD", "DEL"] as const) assertDone(await host.cni(once, call));
    if (verb === "ADD") await reset(host);
    else resultOf(await host.cni("ADD", call));
    const points = await pointsOf(host, verb, call);
    assert.ok(points.length > 20, `only ${points.length} system calls`);
    assertSuccess(await host.cni("DEL", call));
    if (verb === "ADD") await reset(host);
    const before = await host.snapshot();
    const links = await host.snapshot({ sysctls: false });
    const faults: string[] = [];
    let failed = 0;
    for (const point of points) {
      const [fault, reply] = await step(host)(point, links);
      if (reply.status !== 0) failed++;
      if (fault !== undefined) {
        faults.push(`at the ${point.ordinal}. such call, ${point.text}\n${fault}`);
        await host.cni("DEL", call);
      }
      if (verb === "ADD") await reset(host);
    }
    t.diagnostic(`${points.length} system calls, of whose faults ${failed} ended the call`);
    const shown = faults.slice(0, 6).join("\n\n");
    assert.equal(faults.length, 0, `${faults.length} of ${points.length} points:\n${shown}`);
    assert.ok(failed > points.length / 4, `only ${failed} of ${points.length} faults did any harm`);
    assertSame(before, await host.snapshot());
  });
}

function assertDone(reply: Reply): void {
  assert.equal(reply.status, 0, describe(reply));
}

async function leftovers(host: Host, before: Snapshot, reply: Reply): Promise<string | undefined> {
  const differences = changes(before, await host.snapshot({ sysctls: false }));
  return differences.length === 0 ? undefined : [...differences, describe(reply)].join("\n");
}

/** Makes the four tests of a call. */
export function testFaults(plugin: string, call: Call, options: SweepOptions = {}): void {
  const { reset = async () => {} } = options;
  const subject = { ...options, call };

  test(`${plugin}: an error of any system call of ADD fails it cleanly, and leaves nothing`, (t) =>
    sweep(t, "ADD", subject, (host) => async (point, before) => {
      const reply = await host.cni("ADD", withFault(call, point, errorAt(point)));
      if (reply.status === 0) {
        resultOf(reply);
        assertSuccess(await host.cni("DEL", call));
        await reset(host);
      } else if (reply.stdout !== "") assertError(reply, {});
      if (reply.signal !== null) return [`ended by a signal: ${describe(reply)}`, reply];
      return [await leftovers(host, before, reply), reply];
    }));

  test(`${plugin}: after SIGKILL at any system call of ADD, DEL cleans up`, (t) =>
    sweep(t, "ADD", subject, (host) => async (point, before) => {
      const reply = await host.cni("ADD", withFault(call, point, "signal=SIGKILL"));
      if (missedPoint(point, reply)) return [`was not killed: ${describe(reply)}`, reply];
      assertSuccess(await host.cni("DEL", call));
      await reset(host);
      return [await leftovers(host, before, reply), reply];
    }));

  test(`${plugin}: after an error of any system call of DEL, another DEL cleans up`, (t) =>
    sweep(t, "DEL", subject, (host) => async (point, before) => {
      resultOf(await host.cni("ADD", call));
      const reply = await host.cni("DEL", withFault(call, point, errorAt(point)));
      const fault = reply.status === 0 ? await leftovers(host, before, reply) : undefined;
      assertSuccess(await host.cni("DEL", call));
      return [fault ?? (await leftovers(host, before, reply)), reply];
    }));

  test(`${plugin}: after SIGKILL at any system call of DEL, another DEL cleans up`, (t) =>
    sweep(t, "DEL", subject, (host) => async (point, before) => {
      resultOf(await host.cni("ADD", call));
      const reply = await host.cni("DEL", withFault(call, point, "signal=SIGKILL"));
      if (missedPoint(point, reply)) return [`was not killed: ${describe(reply)}`, reply];
      assertSuccess(await host.cni("DEL", call));
      return [await leftovers(host, before, reply), reply];
    }));
}
