/** Errors of the kernel, and SIGKILL, at every system call of dhcp's ADD and DEL: no lease is left, none is lost. */

import assert from "node:assert/strict";
import test from "node:test";
import { describe } from "./harness/command.ts";
import {
  dhcpConfig,
  dnsmasqLeases,
  fileOf,
  makeServerBridge,
  plugContainer,
  startDaemon,
  startDnsmasq,
  statusOf,
  until,
} from "./harness/dhcp.ts";
import { assertSuccess } from "./harness/expect.ts";
import { type Host, withHost } from "./harness/host.ts";
import {
  canFail,
  errorAt,
  missedPoint,
  type Point,
  pointsOf,
  withFault,
} from "./harness/inject.ts";

const call = { plugin: "dhcp", config: dhcpConfig({ probe: 0 }) };

/** A container with an interface on the servers' bridge, and a server. */
async function inNetwork(steps: (host: Host) => Promise<void>): Promise<void> {
  await withHost(async (host) => {
    await makeServerBridge(host);
    await host.addNetns("c1");
    await plugContainer(host);
    const server = await startDnsmasq(host);
    await steps(host);
    await server.stop();
  });
}

/** The same with a daemon. */
function withDaemon(steps: (host: Host) => Promise<void>): Promise<void> {
  return inNetwork(async (host) => {
    const daemon = await startDaemon(host);
    await steps(host);
    await daemon.stop();
  });
}

/** That neither the daemon nor the server knows of a lease, now or in a moment. */
async function assertNothingLeft(host: Host, point: Point): Promise<void> {
  await until(`the end of the lease after ${point.text}`, async () => {
    return (await statusOf(host)).attachments.length === 0 && fileOf(host, dnsmasqLeases) === "";
  });
}

test("ADD with an error at every system call: whoever fails leaves no lease", () =>
  withDaemon(async (host) => {
    const points = (await pointsOf(host, "ADD", call)).filter(canFail);
    assertSuccess(await host.cni("DEL", call));
    assert.ok(points.length > 12, `${points.length} points`);
    let failed = 0;
    for (const point of points) {
      const reply = await host.cni("ADD", withFault(call, point, errorAt(point)));
      assert.ok(!reply.timedOut, `${point.text}\n${describe(reply)}`);
      if (reply.status === 0) assertSuccess(await host.cni("DEL", call));
      else failed++;
      await assertNothingLeft(host, point);
    }
    assert.ok(failed > 5, `${failed} failures`);
  }));

test("ADD killed at every system call: its DEL leaves no lease", () =>
  withDaemon(async (host) => {
    const points = await pointsOf(host, "ADD", call);
    assertSuccess(await host.cni("DEL", call));
    for (const point of points) {
      const reply = await host.cni("ADD", withFault(call, point, "signal=SIGKILL"));
      assert.ok(!missedPoint(point, reply), `${point.text}\n${describe(reply)}`);
      assertSuccess(await host.cni("DEL", call));
      await assertNothingLeft(host, point);
    }
  }));

test("DEL killed at every system call: the next one finishes it", () =>
  withDaemon(async (host) => {
    assert.equal((await host.cni("ADD", call)).status, 0);
    for (const point of await pointsOf(host, "DEL", call)) {
      assert.equal((await host.cni("ADD", call)).status, 0);
      await host.cni("DEL", withFault(call, point, "signal=SIGKILL"));
      assertSuccess(await host.cni("DEL", call));
      await assertNothingLeft(host, point);
    }
  }));

/** What changes something, or tells somebody. */
const weighty = ["renameat2", "write", "sendto", "setns", "bind"];

/** How often the daemon makes each of these calls before it listens, and until an ADD is answered. */
async function countCalls(host: Host): Promise<Map<string, [before: number, after: number]>> {
  const trace = "/run/work/daemon-trace";
  const daemon = await startDaemon(host, [], ["strace", "-qq", "-o", trace]);
  const count = (name: string) =>
    fileOf(host, trace)
      .split("\n")
      .filter((line) => line.startsWith(`${name}(`)).length;
  const before = weighty.map(count);
  assert.equal((await host.cni("ADD", call)).status, 0);
  const counts = weighty.map((name, at): [string, [number, number]] => [
    name,
    [before[at] ?? 0, count(name)],
  ]);
  assertSuccess(await host.cni("DEL", call));
  await host.run("pkill", "-TERM", "-P", String(daemon.running.pid));
  await daemon.running.outcome;
  return new Map(counts);
}

test("the daemon killed at every step of an ADD: who got an address keeps it, and nothing is in the way of the next", () =>
  inNetwork(async (host) => {
    let kept = 0;
    let died = 0;
    for (const [name, [before, after]] of await countCalls(host)) {
      assert.ok(after >= before);
      for (let ordinal = before + 1; ordinal <= after; ordinal++) {
        const inject = `inject=${name}:signal=SIGKILL:when=${ordinal}`;
        const wrap = ["strace", "-qq", "-o", "/dev/null", "-e", `trace=${name}`, "-e", inject];
        const daemon = await startDaemon(host, [], wrap);
        const reply = await host.cni("ADD", call);
        await daemon.running.outcome;
        const next = await startDaemon(host);
        const { attachments } = await statusOf(host);
        if (reply.status === 0) {
          const { ips } = reply.json as { ips: { address: string }[] };
          assert.deepEqual(attachments[0]?.leases[0]?.addresses, [ips[0]?.address]);
          kept++;
        } else died++;
        assertSuccess(await host.cni("DEL", call));
        assert.deepEqual((await statusOf(host)).attachments, []);
        await next.stop();
      }
    }
    assert.ok(died >= 5, `${kept} kept, ${died} died`);
  }));
