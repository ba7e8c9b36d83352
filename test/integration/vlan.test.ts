// kernel: vlan
/** The vlan plugin. */

import assert from "node:assert/strict";
import test from "node:test";
import { attach, detach } from "./harness/attachment.ts";
import { assertError, assertSuccess } from "./harness/expect.ts";
import { type Host, withHost } from "./harness/host.ts";
import { addWire, batch } from "./harness/interface-plugin.ts";
import { commonRefusals, testMasters, testOnMaster } from "./harness/masters.ts";
import type { Config } from "./harness/networks.ts";
import { type Refusal, testRefusals } from "./harness/refusals.ts";
import { assertPing, assertTcp } from "./harness/traffic.ts";

const plugin = "vlan";

/** The wire, with a gateway in VLAN 100. */
async function addVlanWire(host: Host): Promise<void> {
  await addWire(host);
  await batch(host, "lan", [
    "address flush dev eth0",
    "link add link eth0 name v100 type vlan id 100",
    "link set v100 up",
    "address add 10.1.0.1/24 dev v100",
    "address add fd00:1::1/64 dev v100 nodad",
  ]);
}

const subject = testOnMaster(plugin, { vlanId: 100 }, addVlanWire);
const { config, inWorld } = subject;

test("vlan: the container reaches its VLAN in both families", () =>
  inWorld(async (host) => {
    const attachment = await attach(host, { plugin, config });
    for (const address of ["10.1.0.1", "fd00:1::1"]) {
      await assertPing(host, "c1", address);
      await assertTcp(host, "c1", "lan", address);
    }
    await detach(attachment);
  }));

test("vlan: id, protocol and MTU are set, the MAC is the master's", () =>
  inWorld(async (host) => {
    const attachment = await attach(host, { plugin, config: { ...config, mtu: 1400 } });
    const [link] = await host.ip<{
      mtu: number;
      address: string;
      linkinfo: { info_data: { id: number; protocol: string } };
    }>("c1", "-d", "link", "show", "dev", "eth0");
    const [master] = await host.ip<{ address: string }>("", "link", "show", "dev", "wire0");
    assert.equal(link?.mtu, 1400);
    assert.equal(link?.linkinfo.info_data.id, 100);
    assert.equal(link?.linkinfo.info_data.protocol, "802.1Q");
    assert.equal(link?.address, master?.address);
    await detach(attachment);
  }));

testMasters(plugin, config, {
  down: /^failed to set "eth0" UP: network is down: master "wire0" is down$/,
  port: undefined,
  passthru: undefined,
});

for (const vlanId of [0, 1, 4094]) {
  test(`vlan: id ${vlanId} is one`, () =>
    inWorld(async (host) => {
      const attachment = await attach(host, { plugin, config: { ...config, vlanId } });
      assertSuccess(await attachment.check());
      await detach(attachment);
    }));
}

test("vlan: an id that is taken is told so, also where the host has an interface of the name", () =>
  inWorld(async (host) => {
    const attachment = await attach(host, { plugin, config });
    const second = () => host.cni("ADD", { plugin, config, netns: "c2" });
    await host.unchangedBy(async () => {
      assertError(await second(), { code: 999, msg: /^VLAN 100 of "wire0" is taken: .*macvlan/ });
    });
    await host.run("ip", "link", "add", "eth0", "type", "bridge");
    await host.unchangedBy(async () =>
      assertError(await second(), { msg: /^VLAN 100 of "wire0" is taken/ }),
    );
    await host.run("ip", "link", "del", "eth0");
    await detach(attachment);
  }));

test('vlan: "mtu": "auto" follows the master, and "master": "prevResult" takes it from the chain', () =>
  inWorld(async (host) => {
    const prevResult = { cniVersion: "1.1.0", interfaces: [{ name: "wire0" }] };
    const chained = { ...config, master: "prevResult", mtu: "auto", mtuOverhead: 80, prevResult };
    const { result } = await attach(host, { plugin, config: chained });
    assert.equal(result.interfaces?.[0]?.mtu, 1420);
    await assertPing(host, "c1", "10.1.0.1");
    assertSuccess(await host.cni("DEL", { plugin, config: { ...chained, prevResult: result } }));
  }));

test("vlan: DEL succeeds when the master is gone", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    await addVlanWire(host);
    const attachment = await attach(host, { plugin, config });
    await host.run("ip", "link", "del", "wire0");
    await detach(attachment);
  }));

const refusals: readonly Refusal[] = [
  [
    "a configuration without a master",
    { master: undefined },
    {
      code: 7,
      msg: '"master" field is required. It specifies the host interface name to create the VLAN for',
    },
  ],
  [
    "VLAN 4095",
    { vlanId: 4095 },
    { code: 7, msg: "invalid VLAN ID 4095 (must be between 0 and 4095 inclusive)" },
  ],
  [
    "a negative VLAN",
    { vlanId: -1 },
    { code: 7, msg: "invalid VLAN ID -1 (must be between 0 and 4095 inclusive)" },
  ],
  ["a VLAN in words", { vlanId: "100" }, { code: 7, msg: /"vlanId"/ }],
];
testRefusals(subject, [...commonRefusals, ...refusals]);

test("vlan: CHECK compares id and MTU", () =>
  inWorld(async (host) => {
    const attachment = await attach(host, { plugin, config: { ...config, mtu: 1400 } });
    const told = async (changes: Config, msg: RegExp) => {
      const changed = { ...config, mtu: 1400, ...changes, prevResult: attachment.result };
      assertError(await attachment.check({ config: changed }), { msg });
    };
    await told({ vlanId: 7 }, /VLAN 100, configured is 7/);
    await told({ mtu: 1300 }, /MTU 1400, configured is 1300/);
    await told({ master: "nope" }, /nope/);
    await detach(attachment);
  }));
