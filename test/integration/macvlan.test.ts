/** The macvlan plugin. */

import assert from "node:assert/strict";
import test from "node:test";
import { attach, detach } from "./harness/attachment.ts";
import { assertError, assertSuccess } from "./harness/expect.ts";
import { type Host, withHost } from "./harness/host.ts";
import { addWire, networkOf } from "./harness/interface-plugin.ts";
import { commonRefusals, testMasters, testOnMaster } from "./harness/masters.ts";
import type { Config } from "./harness/networks.ts";
import { type Refusal, testRefusals } from "./harness/refusals.ts";
import { assertNoPing, assertPing, assertTcp } from "./harness/traffic.ts";

const plugin = "macvlan";
const subject = testOnMaster(plugin);
const { config, inWorld } = subject;

interface Macvlan {
  mtu: number;
  address: string;
  linkinfo: { info_data: { mode: string; bcqueuelen?: number } };
}
const show = async (host: Host, netns = "c1") =>
  (await host.ip<Macvlan>(netns, "-d", "link", "show", "dev", "eth0"))[0];

test("macvlan: containers reach the wire and, in bridge mode, each other", () =>
  inWorld(async (host) => {
    const one = await attach(host, { plugin, config });
    const two = await attach(host, { plugin, config, netns: "c2" });
    for (const address of ["10.1.0.1", "fd00:1::1"]) await assertPing(host, "c1", address);
    await assertTcp(host, "c1", "lan", "10.1.0.1");
    await assertTcp(host, "c1", "lan", "fd00:1::1");
    for (const { address } of two.result.ips ?? []) {
      await assertPing(host, "c1", address.split("/")[0] ?? "");
    }
    await detach(one);
    await detach(two);
  }));

for (const mode of ["bridge", "private", "vepa", "passthru"]) {
  test(`macvlan: mode ${mode}`, () =>
    inWorld(async (host) => {
      const attachment = await attach(host, { plugin, config: { ...config, mode } });
      assert.equal((await show(host))?.linkinfo.info_data.mode, mode);
      await assertPing(host, "c1", "10.1.0.1");
      assertSuccess(await attachment.check());
      const other = { ...config, mode: mode === "bridge" ? "vepa" : "bridge" };
      assertError(await attachment.check({ config: { ...other, prevResult: attachment.result } }), {
        msg: new RegExp(`container macvlan mode ${mode} does not match`),
      });
      if (mode === "private") {
        const two = await attach(host, { plugin, config: { ...config, mode }, netns: "c2" });
        await assertNoPing(host, "c1", two.result.ips?.[0]?.address.split("/")[0] ?? "");
        await detach(two);
      }
      await detach(attachment);
    }));
}

const macs: [what: string, changes: Config, args: string | undefined, mac: string][] = [
  ["the configuration's", { mac: "02:00:00:00:00:01" }, undefined, "02:00:00:00:00:01"],
  [
    "that of CNI_ARGS before it",
    { mac: "02:00:00:00:00:01" },
    "IgnoreUnknown=1;MAC=02-00-00-00-00-02",
    "02:00:00:00:00:02",
  ],
  [
    "the runtime's before both",
    { mac: "02:00:00:00:00:01", runtimeConfig: { mac: "0200.0000.0003" } },
    "IgnoreUnknown=1;MAC=02:00:00:00:00:02",
    "02:00:00:00:00:03",
  ],
];
for (const [what, changes, args, mac] of macs) {
  test(`macvlan: the MAC is ${what}`, () =>
    inWorld(async (host) => {
      const call = { plugin, config: { ...config, ...changes }, ...(args ? { args } : {}) };
      const attachment = await attach(host, call);
      assert.equal((await show(host))?.address, mac);
      assert.equal(attachment.result.interfaces?.[0]?.mac, mac);
      await detach(attachment);
    }));
}

test("macvlan: mtu and bcqueuelen are set", () =>
  inWorld(async (host) => {
    const attachment = await attach(host, {
      plugin,
      config: { ...config, mtu: 1400, bcqueuelen: 77 },
    });
    const link = await show(host);
    assert.equal(link?.mtu, 1400);
    assert.equal(link?.linkinfo.info_data.bcqueuelen, 77);
    await detach(attachment);
  }));

test('macvlan: without "master" it is the interface of the default route; "auto" follows its MTU', () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    await addWire(host);
    await host.run("ip", "link", "set", "wire0", "mtu", "1450");
    await host.run("ip", "address", "add", "10.1.0.9/24", "dev", "wire0");
    const missing = networkOf(plugin, { enabledad: false });
    assertError(await host.cni("ADD", { plugin, config: missing }), {
      msg: "no default route interface found",
    });
    assertError(await host.cni("STATUS", { plugin, config: missing }), {
      code: 50,
      msg: "no default route interface found",
    });
    await host.run("ip", "route", "add", "default", "via", "10.1.0.1");
    const auto = { ...missing, mtu: "auto", mtuOverhead: 50 };
    const attachment = await attach(host, { plugin, config: auto });
    assert.equal((await show(host))?.mtu, 1400);
    await assertPing(host, "c1", "10.1.0.1");
    await host.run("ip", "route", "del", "default");
    await detach(attachment);
  }));

test("macvlan: the default route may be of IPv6", () =>
  inWorld(async (host) => {
    await host.run("ip", "address", "add", "fd00:1::9/64", "dev", "wire0", "nodad");
    await host.run("ip", "route", "add", "default", "via", "fd00:1::1");
    const attachment = await attach(host, {
      plugin,
      config: networkOf(plugin, { enabledad: false }),
    });
    await detach(attachment);
    await host.run("ip", "route", "del", "default", "via", "fd00:1::1");
    await host.run("ip", "address", "del", "fd00:1::9/64", "dev", "wire0");
  }));

test('macvlan: "master": "prevResult" takes it from the chain', () =>
  inWorld(async (host) => {
    const chained = { ...config, master: "prevResult" };
    const prevResult = { cniVersion: "1.1.0", interfaces: [{ name: "wire0" }] };
    const { result } = await attach(host, { plugin, config: { ...chained, prevResult } });
    assert.equal(result.interfaces?.length, 1);
    for (const interfaces of [[], [{ name: "wire0" }, { name: "lo" }]]) {
      const without = { ...chained, prevResult: { ...prevResult, interfaces } };
      assertError(
        await host.cni("ADD", { plugin, config: without, containerId: "x", ifName: "e1" }),
        {
          msg: "chained master failure. PrevResult lacks a single named interface",
        },
      );
    }
    assertSuccess(await host.cni("DEL", { plugin, config: chained }));
  }));

const refusals: readonly Refusal[] = [
  ["an unknown mode", { mode: "source" }, { code: 7, msg: 'unknown macvlan mode: "source"' }],
  ["a negative MTU", { mtu: -1 }, { code: 7 }],
  ["an MTU in words", { mtu: "large" }, { code: 7, msg: /"mtu"/ }],
  [
    "an overhead above the MTU",
    { mtu: "auto", mtuOverhead: 1600 },
    { code: 7, msg: /^invalid MTU -100/ },
  ],
  [
    "a MAC that is none",
    { mac: "nonsense" },
    { code: 7, msg: "invalid args nonsense for MAC addr: address nonsense: invalid MAC address" },
  ],
  [
    "a MAC in CNI_ARGS that is none",
    {},
    { code: 7, msg: /^invalid args 02:0/ },
    "IgnoreUnknown=1;MAC=02:0",
  ],
  [
    "a multicast MAC",
    { runtimeConfig: { mac: "01:00:5e:00:00:01" } },
    { code: 7, msg: /multicast/ },
  ],
  ["lo as master", { master: "lo" }, { msg: /create link eth0: / }],
  ["a broadcast queue length out of range", { bcqueuelen: -1 }, { code: 7, msg: /bcqueuelen/ }],
];
testRefusals(subject, [...commonRefusals, ...refusals]);

testMasters(plugin, config, {
  down: undefined,
  port: /^failed to create macvlan: .*busy: master "wire0" is a port of another interface$/,
  passthru: /^failed to create macvlan: .*: master "m0" is a macvlan in passthru mode/,
});

test("macvlan: passthru refuses a second one on the same master", () =>
  inWorld(async (host) => {
    const alone = { ...config, mode: "passthru" };
    const attachment = await attach(host, { plugin, config: alone });
    await host.unchangedBy(async () => {
      const second = { plugin, config: alone, netns: "c2" };
      assertError(await host.cni("ADD", second), { msg: /^create link eth0: / });
    });
    await detach(attachment);
  }));

test("macvlan: a macvlan can be the master of another", () =>
  inWorld(async (host) => {
    await host.run(
      "ip",
      "link",
      "add",
      "m0",
      "link",
      "wire0",
      "type",
      "macvlan",
      "mode",
      "private",
    );
    await host.run("ip", "link", "set", "m0", "up");
    const attachment = await attach(host, { plugin, config: { ...config, master: "m0" } });
    await assertPing(host, "c1", "10.1.0.1");
    await detach(attachment);
    await host.run("ip", "link", "del", "m0");
  }));

test("macvlan: an IPv6 address that somebody on the wire has is refused, and nothing is left", () =>
  inWorld(async (host) => {
    const taken = {
      type: "host-local",
      ranges: [[{ subnet: "fd00:1::/64", rangeStart: "fd00:1::7", rangeEnd: "fd00:1::7" }]],
    };
    await host.runIn("lan", "ip", "address", "add", "fd00:1::7/64", "dev", "eth0", "nodad");
    await host.unchangedBy(async () => {
      const detecting = networkOf(plugin, { master: "wire0", ipam: taken });
      assertError(await host.cni("ADD", { plugin, config: detecting }), {
        msg: 'failed to settle addresses for "eth0": link eth0 has address fd00:1::7 in DADFAILED state',
      });
    });
    await host.runIn("lan", "ip", "address", "del", "fd00:1::7/64", "dev", "eth0");
  }));

test("macvlan: ADD returns once detection is through, by the kernel's word", () =>
  inWorld(async (host) => {
    const attachment = await attach(host, {
      plugin,
      config: networkOf(plugin, { master: "wire0" }),
    });
    const addresses = await host.ip(
      "c1",
      "-6",
      "address",
      "show",
      "dev",
      "eth0",
      "tentative",
      "scope",
      "global",
    );
    assert.deepEqual(
      addresses.filter((it) => Object.keys(it).length > 0),
      [],
    );
    assert.ok(attachment.reply.ms > 900, "detection takes a second");
    assert.ok(attachment.reply.ms < 4000, `it took ${attachment.reply.ms} ms`);
    await detach(attachment);
  }));
