// kernel: ipvlan
/** The ipvlan plugin. */

import assert from "node:assert/strict";
import test from "node:test";
import { attach, detach } from "./harness/attachment.ts";
import { assertError, assertSuccess } from "./harness/expect.ts";
import type { Host } from "./harness/host.ts";
import { commonRefusals, testMasters, testOnMaster } from "./harness/masters.ts";
import { type Refusal, testRefusals } from "./harness/refusals.ts";
import { assertPing, assertTcp } from "./harness/traffic.ts";

const plugin = "ipvlan";
const subject = testOnMaster(plugin);
const { config, inWorld } = subject;

interface Ipvlan {
  mtu: number;
  linkinfo: { info_data: { mode: string } };
}
const show = async (host: Host) =>
  (await host.ip<Ipvlan>("c1", "-d", "link", "show", "dev", "eth0"))[0];

test("ipvlan: containers reach the wire and each other in both families", () =>
  inWorld(async (host) => {
    const one = await attach(host, { plugin, config });
    const two = await attach(host, { plugin, config, netns: "c2" });
    for (const address of ["10.1.0.1", "fd00:1::1"]) {
      await assertPing(host, "c1", address);
      await assertTcp(host, "c1", "lan", address);
    }
    for (const { address } of two.result.ips ?? []) {
      await assertPing(host, "c1", address.split("/")[0] ?? "");
    }
    await detach(one);
    await detach(two);
  }));

for (const mode of ["l2", "l3", "l3s"]) {
  test(`ipvlan: mode ${mode}`, () =>
    inWorld(async (host) => {
      const attachment = await attach(host, { plugin, config: { ...config, mode } });
      assert.equal((await show(host))?.linkinfo.info_data.mode, mode);
      assertSuccess(await attachment.check());
      const other = { ...config, mode: mode === "l2" ? "l3" : "l2", prevResult: attachment.result };
      assertError(await attachment.check({ config: other }), {
        msg: new RegExp(`Container IPVlan mode ${mode} does not match`),
      });
      await detach(attachment);
    }));
}

test("ipvlan: the master and the addresses come from the chain", () =>
  inWorld(async (host) => {
    const { ipam, master, ...bare } = config;
    assert.ok(ipam && master);
    const prevResult = {
      cniVersion: "1.1.0",
      interfaces: [{ name: "wire0" }],
      ips: [{ address: "10.1.0.77/24", gateway: "10.1.0.1", interface: 0 }],
      routes: [{ dst: "0.0.0.0/0" }],
    };
    const { result } = await attach(host, { plugin, config: { ...bare, prevResult } });
    assert.deepEqual(result.ips, prevResult.ips);
    assert.equal(result.interfaces?.[0]?.name, "eth0");
    await assertPing(host, "c1", "10.1.0.1");
    assertSuccess(await host.cni("CHECK", { plugin, config: { ...bare, prevResult: result } }));
    // DEL needs no master: it comes with a prevResult that names none, or without any.
    assertSuccess(await host.cni("DEL", { plugin, config: { ...bare, prevResult: result } }));
    assertSuccess(await host.cni("DEL", { plugin, config: bare }));
  }));

test("ipvlan: IPAM's addresses count more than the chain's", () =>
  inWorld(async (host) => {
    const prevResult = {
      cniVersion: "1.1.0",
      interfaces: [{ name: "wire0" }],
      ips: [{ address: "10.1.0.77/24", interface: 0 }],
    };
    const { result } = await attach(host, {
      plugin,
      config: { ...config, master: undefined, prevResult },
    });
    assert.equal(result.ips?.[0]?.address, "10.1.0.2/24");
    assertSuccess(await host.cni("DEL", { plugin, config }));
  }));

const single = "chained master failure. PrevResult lacks a single named interface";
const refusals: readonly Refusal[] = [
  ["an unknown mode", { mode: "l4" }, { code: 7, msg: 'unknown ipvlan mode: "l4"' }],
  ["no master and no default route", { master: "" }, { msg: "no default route interface found" }],
  [
    "a chain without an interface",
    { master: "", prevResult: { cniVersion: "1.1.0" } },
    { msg: single },
  ],
  [
    "a chain with two interfaces",
    {
      master: "",
      prevResult: { cniVersion: "1.1.0", interfaces: [{ name: "wire0" }, { name: "lo" }] },
    },
    { msg: single },
  ],
  [
    "a chain whose interface has no name",
    { master: "", prevResult: { cniVersion: "1.1.0", interfaces: [{ name: "" }] } },
    { msg: single },
  ],
];
testRefusals(subject, [...commonRefusals, ...refusals]);

testMasters(plugin, config, {
  down: undefined,
  port: /^failed to create ipvlan: .*busy: master "wire0" is a port of another interface$/,
  passthru: undefined,
});

test("ipvlan: a master that a macvlan uses is refused, and the message says so", () =>
  inWorld(async (host) => {
    await host.run("ip", "link", "add", "m0", "link", "wire0", "type", "macvlan");
    await host.unchangedBy(async () => {
      assertError(await host.cni("ADD", { plugin, config }), {
        msg: /^failed to create ipvlan: .*busy: master "wire0" has interfaces of another kind/,
      });
    });
    await host.run("ip", "link", "del", "m0");
  }));

test("ipvlan: mtu is set, and auto follows the master", () =>
  inWorld(async (host) => {
    const fixed = await attach(host, { plugin, config: { ...config, mtu: 1400 } });
    assert.equal((await show(host))?.mtu, 1400);
    await detach(fixed);
    const auto = await attach(host, {
      plugin,
      config: { ...config, mtu: "auto", mtuOverhead: 80 },
    });
    assert.equal((await show(host))?.mtu, 1420);
    await detach(auto);
  }));
