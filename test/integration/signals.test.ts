/** Signals, and errors of the kernel, at every system call of ADD and DEL: in the end nothing is left behind. */

import assert from "node:assert/strict";
import test from "node:test";
import { attach, detach } from "./harness/attachment.ts";
import { describe } from "./harness/command.ts";
import { assertError, assertSuccess, resultOf } from "./harness/expect.ts";
import { assertSame, type Call, type Host, type Reply, replyOf, withHost } from "./harness/host.ts";
import {
  errorAt,
  missedPoint,
  type Point,
  pointsIn,
  pointsOf,
  withFault,
} from "./harness/inject.ts";
import { gatewayConfig } from "./harness/networks.ts";
import { changes, type Snapshot } from "./harness/snapshot.ts";

const config = gatewayConfig();
const call: Call = { config };

/** What a sweep does at one point. Throws, or tells what is wrong. */
type Step = (point: Point, before: Snapshot) => Promise<string | undefined>;

/** Goes on to the other points when one fails, so that one run shows all that is wrong. */
async function sweep(host: Host, points: readonly Point[], step: Step): Promise<void> {
  assert.ok(points.length > 20, `only ${points.length} system calls: strace saw another program`);
  const whole = await host.snapshot();
  const before = await host.snapshot({ sysctls: false });
  const faults: string[] = [];
  for (const point of points) {
    const fault = await step(point, before);
    if (fault !== undefined)
      faults.push(`at the ${point.ordinal}. such call, ${point.text}\n${fault}`);
  }
  const shown = faults.slice(0, 8).join("\n\n");
  assert.equal(faults.length, 0, `${faults.length} of ${points.length} points:\n${shown}`);
  assertSame(whole, await host.snapshot());
}

/** What differs from before; undefined if nothing does. */
async function leftovers(host: Host, before: Snapshot, reply: Reply): Promise<string | undefined> {
  const differences = changes(before, await host.snapshot({ sysctls: false }));
  if (differences.length === 0) return undefined;
  return [...differences, describe(reply)].join("\n");
}

/** A world with a bridge that has its addresses, and the calls that ADD and DEL make there. */
async function withBridge(
  verb: "ADD" | "DEL",
  steps: (host: Host, points: Point[]) => Promise<void>,
): Promise<void> {
  await withHost(async (host) => {
    await host.addNetns("c1");
    host.stay();
    await detach(await attach(host, { ...call, config }));
    if (verb === "DEL") resultOf(await host.cni("ADD", call));
    const points = await pointsOf(host, verb, call);
    assertSuccess(await host.cni("DEL", call));
    await steps(host, points);
  });
}

test("a system call that the kernel begins again is one point", () => {
  const again = 'write(7, "1", 1) = ? ERESTARTNOINTR (To be restarted)';
  const texts = ['read(0, "", 9) = 0', 'write(1, "{", 1) = 1', 'write(7, "1", 1) = 1'];
  const trace = [...texts.slice(0, 2), again, again, ...texts.slice(2)].join("\n");
  assert.deepEqual(
    pointsIn(trace).map(({ text, ordinal }) => [text, ordinal]),
    texts.map((text, at) => [text, at === 2 ? 2 : 1]),
  );
});

const cleaners: [name: string, clean: (host: Host) => Promise<Reply>][] = [
  ["a DEL", (host) => host.cni("DEL", call)],
  [
    "a DEL without namespace",
    (host) => host.cni("DEL", { ...call, netns: "", containerId: "container-c1" }),
  ],
  [
    "a GC",
    (host) => host.cni("GC", { ...call, config: { ...config, "cni.dev/valid-attachments": [] } }),
  ],
];

for (const [name, clean] of cleaners) {
  test(`after SIGKILL at any system call of ADD, ${name} cleans up`, () =>
    withBridge("ADD", (host, points) =>
      sweep(host, points, async (point, before) => {
        const reply = await host.cni("ADD", withFault(call, point, "signal=SIGKILL"));
        if (missedPoint(point, reply)) return `was not killed: ${describe(reply)}`;
        assertSuccess(await clean(host));
        const fault = await leftovers(host, before, reply);
        if (fault !== undefined) await host.cni("DEL", call);
        return fault;
      }),
    ));
}

test("after SIGKILL at any system call of ADD, another ADD of another container works", () =>
  withHost(async (host) => {
    await host.addNetns("c1", "c2");
    host.stay();
    const points = await pointsOf(host, "ADD", call);
    assertSuccess(await host.cni("DEL", call));
    const every = points.filter((_, index) => index % 7 === 3);
    for (const point of every) {
      await host.cni("ADD", withFault(call, point, "signal=SIGKILL"));
      const other = await attach(host, { config, netns: "c2" });
      assertSuccess(await other.check());
      await detach(other);
      assertSuccess(await host.cni("DEL", call));
    }
  }));

test("after SIGKILL at any system call of DEL, another DEL cleans up", () =>
  withBridge("DEL", (host, points) =>
    sweep(host, points, async (point, before) => {
      resultOf(await host.cni("ADD", call));
      const reply = await host.cni("DEL", withFault(call, point, "signal=SIGKILL"));
      if (missedPoint(point, reply)) return `was not killed: ${describe(reply)}`;
      assertSuccess(await host.cni("DEL", call));
      return leftovers(host, before, reply);
    }),
  ));

/**
 * Faults at every system call of an ADD that makes the bridge: where it fails it leaves nothing. `judge` tells what is
 * wrong with a failure. The value is how many points there were.
 */
async function sweepFirstAdd(
  faultAt: (point: Point) => string,
  judge: (reply: Reply, point: Point) => string | undefined,
): Promise<number> {
  let count = 0;
  await withHost(async (host) => {
    await host.addNetns("c1");
    host.stay();
    await resetHost(host);
    const points = await pointsOf(host, "ADD", call);
    await resetHost(host);
    count = points.length;
    await sweep(host, points, async (point, before) => {
      const reply = await host.cni("ADD", withFault(call, point, faultAt(point)));
      let fault: string | undefined;
      if (reply.status === 0) resultOf(reply);
      else fault = judge(reply, point) ?? (await leftovers(host, before, reply));
      await resetHost(host);
      return fault;
    });
  });
  return count;
}

test("SIGTERM at any system call of ADD takes it back, also the bridge", async () => {
  let interrupted = 0;
  const points = await sweepFirstAdd(
    () => "signal=SIGTERM",
    (reply) => {
      // Before the plugin blocks the signal it simply ends by it.
      if (reply.signal === "SIGTERM") return undefined;
      assertError(reply, { code: 11 });
      interrupted++;
      return undefined;
    },
  );
  assert.ok(interrupted > points / 2, `interrupted ${interrupted} of ${points} times`);
});

test("SIGTERM at any system call of DEL does not keep it from its end", () =>
  withBridge("DEL", (host, points) =>
    sweep(host, points, async (point, before) => {
      resultOf(await host.cni("ADD", call));
      const reply = await host.cni("DEL", withFault(call, point, "signal=SIGTERM"));
      // Before the plugin blocks the signal it simply ends by it.
      if (reply.signal === "SIGTERM") await host.cni("DEL", call);
      else assertSuccess(reply);
      return leftovers(host, before, reply);
    }),
  ));

/** Failures that a plugin can tell nobody about: it has no way to speak any more. */
function isSpeechless({ name, text }: Point): boolean {
  return name === "write" && /^write\(1,/.test(text);
}

test("an error of any system call of ADD fails it, and leaves nothing", async () => {
  let failed = 0;
  const points = await sweepFirstAdd(errorAt, (reply, point) => {
    failed++;
    if (reply.signal !== null) return `ended by a signal: ${describe(reply)}`;
    if (reply.stdout !== "") assertError(reply, {});
    // Without memory or arguments the engine cannot even start: one line on stderr is what is left.
    else if (reply.stderr === "" && !isSpeechless(point)) return `said nothing: ${describe(reply)}`;
    return undefined;
  });
  assert.ok(failed > points / 3, `failed ${failed} of ${points} times`);
});

test("after an error of any system call of DEL, another DEL cleans up", () =>
  withBridge("DEL", (host, points) =>
    sweep(host, points, async (point, before) => {
      resultOf(await host.cni("ADD", call));
      const reply = await host.cni("DEL", withFault(call, point, errorAt(point)));
      const fault = reply.status === 0 ? await leftovers(host, before, reply) : undefined;
      assertSuccess(await host.cni("DEL", call));
      return fault ?? leftovers(host, before, reply);
    }),
  ));

/** No attachment, no bridge. */
async function resetHost(host: Host): Promise<void> {
  await host.cni("DEL", call);
  await host.run("sh", "-c", "ip link del cni0 2>/dev/null || true");
}

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
  test(`${signal} ends an ADD whose IPAM plugin hangs, and nothing is left`, () =>
    withHost(async (host) => {
      await host.addNetns("c1");
      const path = host.script(
        "hanging",
        "[ $CNI_COMMAND = ADD ] || exit 0\necho $$ >/run/work/pid; exec sleep 60",
      );
      const hanging: Call = { config: gatewayConfig({ ipam: { type: "hanging" } }), path };
      const before = await host.snapshot();
      const adding = host.startCni("ADD", hanging);
      await waitForFile(host, "/run/work/pid");
      adding.kill(signal);
      const reply = replyOf(await adding.outcome);
      assertError(reply, { code: 11 });
      assert.ok(reply.ms < 3000, `it took ${reply.ms} ms`);
      assertSame(before, await host.snapshot());
      const pid = (await host.run("cat", "/run/work/pid")).trim();
      const alive = await host.start(["kill", "-0", pid]).outcome;
      assert.notEqual(alive.status, 0, "the IPAM plugin is still there");
    }));
}

test("SIGTERM during an IPAM plugin's DEL lets it come to its end", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const path = host.script("slow", "touch /run/work/begun; sleep 0.5; touch /run/work/ended");
    const slow: Call = { config: gatewayConfig({ ipam: { type: "slow" } }), path };
    const deleting = host.startCni("DEL", slow);
    await waitForFile(host, "/run/work/begun");
    deleting.kill("SIGTERM");
    assertSuccess(replyOf(await deleting.outcome));
    await host.run("test", "-e", "/run/work/ended");
  }));

async function waitForFile(host: Host, path: string): Promise<void> {
  await host.run("sh", "-c", `until [ -e ${path} ]; do sleep 0.02; done`);
}
