/** The veth plugin, which is also called ptp. */

import assert from "node:assert/strict";
import test from "node:test";
import { attach, detach } from "./harness/attachment.ts";
import { assertError, assertSuccess } from "./harness/expect.ts";
import { withHost } from "./harness/host.ts";
import { networkOf, testInterfacePlugin } from "./harness/interface-plugin.ts";
import { assertPing, assertTcp } from "./harness/traffic.ts";

for (const plugin of ["veth", "ptp"]) {
  testInterfacePlugin({
    plugin,
    config: networkOf(plugin),
    // Forwarding is turned on by the first container and stays on.
    prepare: async (host) => {
      await host.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1");
    },
    interfaces: 2,
    kind: "veth",
    neighbours: "",
    existing: /^container veth name \("eth0"\) peer provided \("veth[0-9a-f]{8}"\) already exists$/,
  });
}

const config = networkOf("ptp");

test("ptp: containers reach the host and each other through it, in both families", () =>
  withHost(async (host) => {
    await host.addNetns("c1", "c2");
    const [one, two] = [
      await attach(host, { plugin: "ptp", config }),
      await attach(host, { plugin: "ptp", config, netns: "c2" }),
    ];
    for (const address of ["10.1.0.1", "fd00:1::1"]) await assertPing(host, "c1", address);
    for (const { address } of two.result.ips ?? []) {
      const target = address.split("/")[0] ?? "";
      await assertPing(host, "c1", target);
      await assertTcp(host, "c1", "c2", target);
    }
    await detach(one);
    for (const address of ["10.1.0.1", "fd00:1::1"]) await assertPing(host, "c2", address);
    await detach(two);
  }));

test("ptp: every packet of the container goes by its gateway, to its neighbours too", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const { result } = await attach(host, { plugin: "ptp", config });
    const routes = async (netns: string, family: string) =>
      (await host.ip<Record<string, string>>(netns, family, "route", "show", "table", "main"))
        .filter(({ dst }) => !dst?.startsWith("fe80"))
        .map(({ dst, gateway, scope, prefsrc }) => [dst, gateway, scope, prefsrc].join(" "))
        .sort();
    assert.deepEqual(await routes("c1", "-4"), [
      "10.1.0.0/24 10.1.0.1  10.1.0.2",
      "10.1.0.1  link 10.1.0.2",
      "default 10.1.0.1  ",
    ]);
    assert.deepEqual(await routes("c1", "-6"), [
      "default fd00:1::1  ",
      "fd00:1::/64 fd00:1::1  fd00:1::2",
      "fd00:1::1   fd00:1::2",
    ]);
    assert.deepEqual(await routes("", "-4"), ["10.1.0.2  host "]);
    assert.ok((await routes("", "-6")).includes("fd00:1::2   "));
    assert.equal(result.ips?.[0]?.gateway, "10.1.0.1");
  }));

test("ptp: an address of its own length works, and so do two behind one gateway", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const path = `${host.script(
      "fixed",
      `echo '{"cniVersion": "1.1.0", "ips": [{"address": "10.9.0.5/32", "gateway": "10.9.0.1"}, {"address": "10.9.0.6/32", "gateway": "10.9.0.1"}], "routes": [{"dst": "0.0.0.0/0", "mtu": 1300, "advmss": 1200, "priority": 50}, {"dst": "10.20.0.0/16", "table": 100}, {"dst": "10.30.0.0/16", "scope": 253}]}'`,
    )}:/run/ours`;
    const fixed = networkOf("ptp", { ipam: { type: "fixed" } });
    const attachment = await attach(host, { plugin: "ptp", config: fixed, path });
    await assertPing(host, "c1", "10.9.0.1");
    const [route] = await host.ip<Record<string, unknown>>("c1", "route", "show", "default");
    assert.equal(route?.metric, 50);
    assert.deepEqual(route?.metrics, [{ mtu: 1300, advmss: 1200 }]);
    assert.equal((await host.ip("c1", "route", "show", "table", "100")).length, 1);
    const [onLink] = await host.ip("c1", "route", "show", "10.30.0.0/16");
    assert.equal(onLink?.gateway, undefined);
    assertSuccess(await attachment.check());
    await detach(attachment);
  }));

test('ptp: "mtu": "auto" follows the link of the default route, less the overhead', () =>
  withHost(async (host) => {
    await host.addNetns("c1", "lan");
    await host.run(
      "ip",
      "link",
      "add",
      "up0",
      "mtu",
      "1450",
      "type",
      "veth",
      "peer",
      "eth0",
      "netns",
      "lan",
    );
    await host.run("ip", "address", "add", "192.0.2.1/24", "dev", "up0");
    await host.run("ip", "link", "set", "up0", "up");
    await host.run("ip", "route", "add", "default", "via", "192.0.2.254");
    const auto = networkOf("ptp", { mtu: "auto", mtuOverhead: 50 });
    const { result } = await attach(host, { plugin: "ptp", config: auto });
    const mtus = (result.interfaces as { mtu?: number }[]).map(({ mtu }) => mtu);
    assert.deepEqual(mtus, [1400, 1400]);
  }));

test('ptp: "mtu": "auto" without a default route says so, and leaves nothing', () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    await host.unchangedBy(async () => {
      const auto = networkOf("ptp", { mtu: "auto" });
      assertError(await host.cni("ADD", { plugin: "ptp", config: auto }), {
        msg: "no default route interface found",
      });
    });
  }));

test("ptp: a route that another container has is not taken over", () =>
  withHost(async (host) => {
    await host.addNetns("c1", "c2");
    const path = `${host.script(
      "fixed",
      `echo '{"cniVersion": "1.1.0", "ips": [{"address": "10.9.0.5/24", "gateway": "10.9.0.1"}]}'`,
    )}:/run/ours`;
    const fixed = networkOf("ptp", { ipam: { type: "fixed" } });
    await attach(host, { plugin: "ptp", config: fixed, path });
    await host.unchangedBy(async () => {
      const second = { plugin: "ptp", config: fixed, path, netns: "c2" };
      assertError(await host.cni("ADD", second), { msg: /10\.9\.0\.5\/32.*file exists/ });
    });
    await assertPing(host, "c1", "10.9.0.1");
  }));

test("ptp: IPv6 that is turned off in the container is turned on for an address of it", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const keys = ["all", "default", "lo"].map((name) => `net.ipv6.conf.${name}.disable_ipv6`);
    await host.runIn("c1", "sysctl", "-qw", ...keys.map((key) => `${key}=1`));
    const attachment = await attach(host, { plugin: "ptp", config });
    await assertPing(host, "c1", "fd00:1::1");
    assert.equal((await host.runIn("c1", "sysctl", "-n", keys[2] ?? "")).trim(), "0");
    await detach(attachment);
  }));

test("ptp: enabledad examines the addresses before routes lead from them, and fails where one is taken", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const config = networkOf("ptp", { enabledad: true });
    const attachment = await attach(host, { plugin: "ptp", config });
    assert.ok(attachment.reply.ms > 900, "detection takes a second");
    for (const address of ["10.1.0.1", "fd00:1::1"]) await assertPing(host, "c1", address);
    assertSuccess(await attachment.check());
    await detach(attachment);
    // The gateway's address is on the wire already when the container's is examined.
    const ipam = { type: "static", addresses: [{ address: "fd00:1::1/64", gateway: "fd00:1::1" }] };
    await host.unchangedBy(async () => {
      assertError(await host.cni("ADD", { plugin: "ptp", config: { ...config, ipam } }), {
        msg: 'failed to settle addresses for "eth0": link eth0 has address fd00:1::1 in DADFAILED state',
      });
    });
  }));
