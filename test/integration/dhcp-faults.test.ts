/** Errors of the kernel, and SIGKILL, at every system call of dhcp's ADD and DEL: no lease is left, none is lost. */

import assert from "node:assert/strict";
import test from "node:test";
import { describe } from "./harness/command.ts";
import {
  dhcpConfig,
  dnsmasqLeases,
  fileOf,
  makeServerBridge,
  network,
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

/** A container with an interface on the servers' bridge. */
async function inNetwork(steps: (host: Host) => Promise<void>): Promise<void> {
  await withHost(async (host) => {
    await makeServerBridge(host);
    await host.addNetns("c1");
    await host.run(
      "sh",
      "-ec",
      `ip link add p0 type veth peer name eth0 netns c1
       ip link set p0 master ${network.bridge} up
       ip -n c1 link set eth0 up`,
    );
    const server = await startDnsmasq(host);
    const daemon = await startDaemon(host);
    await steps(host);
    await daemon.stop();
    await server.stop();
  });
}

/** That neither the daemon nor the server knows of a lease, now or in a moment. */
async function assertNothingLeft(host: Host, point: Point): Promise<void> {
  await until(`the end of the lease after ${point.text}`, async () => {
    return (await statusOf(host)).attachments.length === 0 && fileOf(host, dnsmasqLeases) === "";
  });
}

test("ADD with an error at every system call: whoever fails leaves no lease", () =>
  inNetwork(async (host) => {
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
  inNetwork(async (host) => {
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
  inNetwork(async (host) => {
    assert.equal((await host.cni("ADD", call)).status, 0);
    for (const point of await pointsOf(host, "DEL", call)) {
      assert.equal((await host.cni("ADD", call)).status, 0);
      await host.cni("DEL", withFault(call, point, "signal=SIGKILL"));
      assertSuccess(await host.cni("DEL", call));
      await assertNothingLeft(host, point);
    }
  }));
