/** What the plugins have in common that make their interface on a master: macvlan, ipvlan, vlan. */

import assert from "node:assert/strict";
import test from "node:test";
import { attach, detach } from "./attachment.ts";
import { assertError, assertSuccess } from "./expect.ts";
import { type Host, withHost } from "./host.ts";
import {
  addWire,
  batch,
  type InWorld,
  moveToHost,
  networkOf,
  testInterfacePlugin,
  worldOf,
} from "./interface-plugin.ts";
import type { Config } from "./networks.ts";
import type { Refusal } from "./refusals.ts";
import { assertPing } from "./traffic.ts";

/**
 * The plugin on the master "wire0", with the tests of all interface plugins; `prepare` makes that wire. Without the wait for
 * duplicate address detection, which has tests of its own.
 */
export function testOnMaster(plugin: string, keys: Config = {}, prepare = addWire): OnMaster {
  const config = networkOf(plugin, { master: "wire0", ...keys, enabledad: false });
  const reason = 'file exists: the container has an interface "eth0"';
  testInterfacePlugin({
    plugin,
    config,
    prepare,
    kind: plugin,
    neighbours: "lan",
    existing: new RegExp(`^failed to create ${plugin}: ${reason}$`),
  });
  const subject = { plugin, config, inWorld: worldOf(prepare) };
  testInContainer(subject);
  testNamesake(subject);
  return subject;
}

/** The plugin, a configuration with the master "wire0", and a host that has it. */
interface OnMaster {
  readonly plugin: string;
  readonly config: Config;
  readonly inWorld: InWorld;
}

function testInContainer({ plugin, config, inWorld }: OnMaster): void {
  test(`${plugin}: linkInContainer takes the master from the container; DEL and STATUS need none`, () =>
    inWorld(async (host) => {
      await host.run("ip", "link", "set", "wire0", "netns", "c1");
      await host.runIn("c1", "ip", "link", "set", "wire0", "up");
      const inside = { ...config, linkInContainer: true };
      assertSuccess(await host.cni("STATUS", { plugin, config: inside }));
      const attachment = await attach(host, { plugin, config: inside });
      await assertPing(host, "c1", "10.1.0.1");
      assertSuccess(await attachment.check());
      await detach(attachment);
      assertSuccess(await attachment.del({ netns: "", containerId: "container-c1" }));
      await moveToHost(host, "c1", "wire0");
      await host.run("ip", "link", "set", "wire0", "up");
    }));
}

function testNamesake({ plugin, config, inWorld }: OnMaster): void {
  test(`${plugin}: a host interface of the same name is not in the way`, () =>
    inWorld(async (host) => {
      await host.run("ip", "link", "add", "eth0", "type", "bridge");
      const attachment = await attach(host, { plugin, config });
      assert.equal((await host.ip("c1", "link")).length, 2);
      await assertPing(host, "c1", "10.1.0.1");
      await detach(attachment);
      assert.equal((await host.ip("", "link", "show", "dev", "eth0")).length, 1);
      await host.run("ip", "link", "del", "eth0");
    }));
}

/** What none of them takes. */
export const commonRefusals: readonly Refusal[] = [
  [
    "a missing master",
    { master: "nope" },
    { msg: 'failed to lookup master "nope": Link not found' },
  ],
  [
    "an MTU above the master's",
    { mtu: 1501 },
    { code: 7, msg: "invalid MTU 1501, must be [0, master MTU(1500)]" },
  ],
];

/** A master that the plugin refuses (the message) or takes (undefined). */
interface Case {
  readonly what: string;
  readonly prepare: readonly string[];
  readonly restore: readonly string[];
  readonly master?: string;
  readonly msg: RegExp | undefined;
}

/** What the plugin says of a master that is a port, and of one that is a macvlan in passthru mode. */
export interface Sayings {
  readonly down: RegExp | undefined;
  readonly port: RegExp | undefined;
  readonly passthru: RegExp | undefined;
}

/** Makes the tests. `config` names "wire0" as its master. */
export function testMasters(plugin: string, config: Config, sayings: Sayings): void {
  const cases: Case[] = [
    {
      what: "that is down",
      prepare: ["link set wire0 down"],
      restore: ["link set wire0 up"],
      msg: sayings.down,
    },
    {
      what: "in another namespace",
      prepare: [],
      restore: [],
      master: "eth0",
      msg: /^failed to lookup master "eth0": Link not found$/,
    },
    {
      what: "that is a port of a bridge",
      prepare: ["link add br0 type bridge", "link set wire0 master br0"],
      restore: ["link del br0"],
      msg: sayings.port,
    },
    {
      what: "that is a macvlan in passthru mode",
      prepare: ["link add m0 link wire0 type macvlan mode passthru", "link set m0 up"],
      restore: ["link del m0"],
      master: "m0",
      msg: sayings.passthru,
    },
  ];
  testStatus(plugin, config);
  for (const { what, prepare, restore, master = "wire0", msg } of cases) {
    test(`${plugin}: a master ${what} is ${msg ? "refused, and nothing is left" : "taken"}`, () =>
      withHost(async (host) => {
        await host.addNetns("c1");
        await addWire(host);
        await batch(host, "", prepare);
        const call = { plugin, config: { ...config, master } };
        await host.unchangedBy(() =>
          msg ? refuses(host, call, msg) : takes(host, call, what === "that is down"),
        );
        await batch(host, "", restore);
      }));
  }
}

function testStatus(plugin: string, config: Config): void {
  test(`${plugin}: STATUS is 50 while the master is missing, 51 while it is down`, () =>
    worldOf(addWire)(async (host) => {
      const status = (changes: Config = {}) =>
        host.cni("STATUS", { plugin, config: { ...config, ...changes } });
      assertSuccess(await status());
      assertError(await status({ master: "nope" }), {
        code: 50,
        msg: 'failed to lookup master "nope": Link not found',
      });
      await host.run("ip", "link", "set", "wire0", "down");
      assertError(await status(), { code: 51, msg: 'master "wire0" is down' });
      await host.run("ip", "link", "set", "wire0", "up");
    }));
}

type PluginCall = { readonly plugin: string; readonly config: Config };

async function refuses(host: Host, call: PluginCall, msg: RegExp): Promise<void> {
  assertError(await host.cni("ADD", call), { code: 999, msg });
}

async function takes(host: Host, call: PluginCall, isDown: boolean): Promise<void> {
  const attachment = await attach(host, call);
  const warning = /^master "wire0" is down: no packets pass until it is up$/m;
  assert.equal(warning.test(attachment.reply.stderr), isDown, attachment.reply.stderr);
  await detach(attachment);
}
