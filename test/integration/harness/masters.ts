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
  networkOf,
  testInterfacePlugin,
  worldOf,
} from "./interface-plugin.ts";
import type { Config } from "./networks.ts";

/**
 * The plugin on the master "wire0", with the tests of all interface plugins; `prepare` makes that wire. Without the wait for
 * duplicate address detection, which has tests of its own.
 */
export function testOnMaster(
  plugin: string,
  keys: Config = {},
  prepare = addWire,
): { config: Config; inWorld: InWorld } {
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
  return { config, inWorld: worldOf(prepare) };
}

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
