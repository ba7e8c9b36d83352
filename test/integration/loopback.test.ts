/** The loopback plugin: lo up, lo down, whatever CNI_IFNAME says. */

import assert from "node:assert/strict";
import test from "node:test";
import { attach, detach } from "./harness/attachment.ts";
import { assertError, assertSuccess, resultOf } from "./harness/expect.ts";
import { type Host, withHost } from "./harness/host.ts";
import { loopbackConfig, withResult } from "./harness/networks.ts";
import { assertPing, assertTcp } from "./harness/traffic.ts";

const call = { plugin: "loopback", ifName: "lo", config: loopbackConfig() };

async function isUp(host: Host): Promise<boolean> {
  const [lo] = await host.ip<{ flags: string[] }>("c1", "link", "show", "dev", "lo");
  return lo?.flags.includes("UP") ?? false;
}

function withContainer(steps: (host: Host) => Promise<void>): Promise<void> {
  return withHost(async (host) => {
    await host.addNetns("c1");
    await steps(host);
  });
}

test("ADD brings lo up in both families, DEL takes it down", () =>
  withContainer(async (host) => {
    assert.equal(await isUp(host), false);
    const attachment = await attach(host, call);
    assert.equal(await isUp(host), true);
    await assertPing(host, "c1", "127.0.0.1");
    await assertPing(host, "c1", "::1");
    await assertTcp(host, "c1", "c1", "127.0.0.1");
    assertSuccess(await attachment.check());
    await detach(attachment);
    assert.equal(await isUp(host), false);
    await detach(attachment);
  }));

test("ADD a second time changes nothing", () =>
  withContainer(async (host) => {
    const first = await attach(host, call);
    await host.unchangedBy(async () => {
      assert.deepEqual((await attach(host, call)).result, first.result);
    });
  }));

test("CNI_IFNAME does not matter", () =>
  withContainer(async (host) => {
    const { result } = await attach(host, { ...call, ifName: "eth7" });
    assert.equal(result.interfaces?.[0]?.name, "lo");
    assert.equal(await isUp(host), true);
  }));

const result1 = (cniVersion: string) => ({
  cniVersion,
  interfaces: [{ mac: "00:00:00:00:00:00", name: "lo", sandbox: "/run/netns/c1" }],
  ips: [
    { address: "127.0.0.1/8", interface: 0 },
    { address: "::1/128", interface: 0 },
  ],
});
const result04 = (cniVersion: string) => ({
  cniVersion,
  interfaces: [{ name: "lo", mac: "00:00:00:00:00:00", sandbox: "/run/netns/c1" }],
  ips: [
    { version: "4", interface: 0, address: "127.0.0.1/8" },
    { version: "6", interface: 0, address: "::1/128" },
  ],
  dns: {},
});
const result02 = (cniVersion: string) => ({
  cniVersion,
  ip4: { ip: "127.0.0.1/8" },
  ip6: { ip: "::1/128" },
  dns: {},
});

for (const [cniVersion, expected] of [
  ["0.1.0", result02],
  ["0.2.0", result02],
  ["0.3.0", result04],
  ["0.3.1", result04],
  ["0.4.0", result04],
  ["1.0.0", result1],
  ["1.1.0", result1],
] as const) {
  test(`the result has the shape of version ${cniVersion}, to the byte`, () =>
    withContainer(async (host) => {
      const { reply } = await attach(host, { ...call, config: loopbackConfig({ cniVersion }) });
      assert.equal(reply.stdout, JSON.stringify(expected(cniVersion), undefined, 4));
    }));
}

test("a container without IPv6 gets 127.0.0.1 alone", () =>
  withContainer(async (host) => {
    await host.runIn("c1", "sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/lo/disable_ipv6");
    const { result } = await attach(host, call);
    assert.deepEqual(result.ips, [{ address: "127.0.0.1/8", interface: 0 }]);
  }));

test("ADD hands prevResult on", () =>
  withContainer(async (host) => {
    const prevResult = {
      cniVersion: "1.1.0",
      interfaces: [{ mac: "02:00:00:00:00:01", name: "eth0", sandbox: "/run/netns/c1" }],
      ips: [{ address: "10.1.0.2/24", gateway: "10.1.0.1", interface: 0 }],
      routes: [{ dst: "0.0.0.0/0", gw: "10.1.0.1" }],
    };
    const config = withResult(loopbackConfig(), prevResult);
    const reply = await host.cni("ADD", { ...call, config });
    assert.deepEqual(resultOf(reply), prevResult);
    assert.equal(await isUp(host), true);
  }));

test("ADD fails for an address on lo that is no loopback address, and leaves lo down", () =>
  withContainer(async (host) => {
    await host.run("ip", "-n", "c1", "address", "add", "192.0.2.1/32", "dev", "lo");
    assertError(await host.cni("ADD", call), {
      code: 999,
      msg: 'loopback interface found with non-loopback address "192.0.2.1"',
    });
    assert.equal(await isUp(host), false);
  }));

test("CHECK fails when lo is down, and needs no prevResult", () =>
  withContainer(async (host) => {
    assertError(await host.cni("CHECK", call), { code: 999, msg: "loopback interface is down" });
    await attach(host, call);
    assertSuccess(await host.cni("CHECK", call));
  }));

test("DEL without a namespace, or with one that is gone, succeeds", () =>
  withHost(async (host) => {
    await host.unchangedBy(async () => {
      for (const netns of ["", "/run/netns/gone"]) {
        assertSuccess(await host.cni("DEL", { ...call, netns }));
      }
    });
  }));

test("GC and STATUS have nothing to do", () =>
  withContainer(async (host) => {
    await attach(host, call);
    await host.unchangedBy(async () => {
      const config = { ...call.config, "cni.dev/valid-attachments": [] };
      assertSuccess(await host.cni("GC", { ...call, config }));
      assertSuccess(await host.cni("STATUS", call));
    });
  }));
