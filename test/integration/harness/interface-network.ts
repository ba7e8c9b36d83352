/** What every interface plugin must do to the network: announcements, routes, sysctls, whatever kind of link it makes. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { readLines } from "../../../pkg/trace/line.ts";
import { attach, detach } from "./attachment.ts";
import { hears } from "./capture.ts";
import { assertError } from "./expect.ts";
import type { Host } from "./host.ts";
import type { InWorld, Subject } from "./interface-plugin.ts";
import { type Config, subnet4 } from "./networks.ts";

/** Makes the tests. */
export function testInterfaceNetwork(subject: Subject, inWorld: InWorld): void {
  testAnnouncements(subject, inWorld);
  testRoutes(subject, inWorld);
  testRouterAdvertisements(subject, inWorld);
  testReadOnlySysctls(subject, inWorld);
}

function testAnnouncements({ plugin, config, neighbours }: Subject, inWorld: InWorld): void {
  if (neighbours === undefined) return;
  test(`${plugin}: the neighbours hear of the addresses without having asked`, () =>
    inWorld(async (host) => {
      const heard = [
        "ARP, Request who-has 10.1.0.2 tell 10.1.0.2",
        "ICMP6, neighbor advertisement, tgt is fd00:1::2",
      ];
      await hears(host, { netns: neighbours, filter: "arp or icmp6" }, heard, async () =>
        detach(await attach(host, { plugin, config })),
      );
    }));
}

/** Every field that a route has since 1.1.0. */
const routes: Config[] = [
  { dst: "172.16.0.0/12", gw: "10.1.0.1", mtu: 1400, advmss: 1300, priority: 77 },
  { dst: "172.20.0.0/16", gw: "10.1.0.1", table: 100 },
  { dst: "10.9.9.9/32", scope: 253 },
  { dst: "2001:db8::/32", gw: "fd00:1::1", mtu: 1350, advmss: 1200, priority: 55, table: 101 },
];

interface RouteJson {
  dst: string;
  gateway?: string;
  metric?: number;
  scope?: string;
  metrics?: { mtu?: number; advmss?: number }[];
}

function testRoutes({ plugin, config }: Subject, inWorld: InWorld): void {
  test(`${plugin}: every field of a route reaches the kernel, and CHECK finds it there`, () =>
    inWorld(async (host) => {
      const ipam = { ...(config.ipam as Config), routes };
      const attachment = await attach(host, { plugin, config: { ...config, ipam } });
      const show = async (family: string, table: string, dst: string) => {
        const argv = [family, "route", "show", "table", table, dst];
        const [route] = await host.ip<RouteJson>("c1", ...argv);
        const { gateway, metric, scope, metrics = [] } = route ?? {};
        return { gateway, metric, scope, ...Object.assign({}, ...metrics) };
      };
      assert.deepEqual(await show("-4", "main", "172.16.0.0/12"), {
        ...{ gateway: "10.1.0.1", metric: 77, scope: undefined },
        ...{ mtu: 1400, advmss: 1300 },
      });
      assert.equal((await show("-4", "100", "172.20.0.0/16")).gateway, "10.1.0.1");
      const onLink = await show("-4", "main", "10.9.9.9");
      assert.deepEqual([onLink.scope, onLink.gateway], ["link", undefined]);
      const { scope: _, ...far } = await show("-6", "101", "2001:db8::/32");
      assert.deepEqual(far, { gateway: "fd00:1::1", metric: 55, mtu: 1350, advmss: 1200 });
      const { reply, check } = attachment;
      assert.deepEqual((reply.json as { routes: unknown }).routes, routes);
      assert.equal((await check()).status, 0);
      await host.run("ip", "-n", "c1", "route", "del", "172.20.0.0/16", "table", "100");
      assertError(await check(), { msg: /^Expected Route .*172\.20\.0\.0\/16/ });
      await detach(attachment);
    }));
}

function testRouterAdvertisements({ plugin, config }: Subject, inWorld: InWorld): void {
  test(`${plugin}: routers have no say before the interface comes up, and IPv6 that was off is on`, () =>
    inWorld(async (host) => {
      const trace = "/run/work/trace";
      const off = ["all", "default", "lo"].map((name) => `net.ipv6.conf.${name}.disable_ipv6=1`);
      await host.runIn("c1", "sysctl", "-qw", ...off);
      const call = { plugin, config, env: { CNI_TRACE: trace } };
      const attachment = await attach(host, call);
      const steps = readLines(readFileSync(host.outside(trace), "utf8")).map((it) => it.purpose);
      const up = steps.findLastIndex((step) => /link eth0/.test(step));
      for (const name of ["accept_ra", "autoconf"]) {
        const at = steps.indexOf(`set net/ipv6/conf/eth0/${name}`);
        assert.ok(at >= 0 && at < up, `${name} is not set before "up": ${steps.join("; ")}`);
        const value = await host.runIn("c1", "cat", `/proc/sys/net/ipv6/conf/eth0/${name}`);
        assert.equal(value.trim(), "0");
      }
      const [shown] = await host.ip<{ addr_info: { local: string }[] }>(
        ...(["c1", "-6", "address", "show", "dev", "eth0", "scope", "global"] as const),
      );
      assert.equal(shown?.addr_info[0]?.local, "fd00:1::2");
      await detach(attachment);
      await host.runIn("c1", "sysctl", "-qw", ...off.map((it) => it.replace("=1", "=0")));
    }));
}

async function remount(host: Host, mode: "ro" | "rw"): Promise<void> {
  await host.run("mount", "-o", `remount,${mode},bind`, "/proc/sys");
}

function testReadOnlySysctls({ plugin, config }: Subject, inWorld: InWorld): void {
  test(`${plugin}: where /proc/sys is read-only, IPv4 works, and IPv6 says what is in the way`, () =>
    inWorld(async (host) => {
      await host.run("mount", "--bind", "/proc/sys", "/proc/sys");
      await remount(host, "ro");
      const ipv4 = { ...config, ipam: { type: "host-local", subnet: subnet4 } };
      await detach(await attach(host, { plugin, config: ipv4 }));
      await host.unchangedBy(async () =>
        assertError(await host.cni("ADD", { plugin, config }), {
          msg: /^failed to enable keep_addr_on_down for interface "eth0": .*read-only file system: the plugin runs where/,
        }),
      );
      // What is right already need not be written.
      const keep = "net.ipv6.conf.default.keep_addr_on_down";
      await remount(host, "rw");
      await host.runIn("c1", "sysctl", "-qw", `${keep}=1`);
      await remount(host, "ro");
      await detach(await attach(host, { plugin, config }));
      await host.run("umount", "/proc/sys");
      await host.runIn("c1", "sysctl", "-qw", `${keep}=0`);
    }));
}
