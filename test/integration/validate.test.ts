// kernel: tun
/** `cnitool validate` held against ADD: what a plugin refuses, validate finds before. */

import assert from "node:assert/strict";
import test from "node:test";
import { describe } from "./harness/command.ts";
import { type Host, withHost } from "./harness/host.ts";
import { batch } from "./harness/interface-plugin.ts";
import type { Config } from "./harness/networks.ts";
import { configDirectory, runTool } from "./harness/runtime.ts";
import { oursInWorld } from "./harness/world.ts";

const ipam = { type: "host-local", subnet: "10.1.0.0/24" };
const range = (keys: Config) => ({ type: "host-local", ranges: [[keys]] });
const fixed = (keys: Config) => ({ type: "static", addresses: [keys] });
const published = (mapping: Config) => ({
  type: "portmap",
  runtimeConfig: { portMappings: [{ hostPort: 1, containerPort: 1, protocol: "tcp", ...mapping }] },
});

/** A plugin's configuration that cannot be, and whether both say it in the same words. */
const refused: [config: Config & { type: string }, sameWords: boolean][] = [
  [{ type: "bridge", vlan: 4095, ipam }, false],
  [{ type: "bridge", vlan: -1, ipam }, false],
  [{ type: "bridge", vlanTrunk: [{ id: 4095 }] }, false],
  [{ type: "bridge", vlanTrunk: [{ minID: 5 }] }, true],
  [{ type: "bridge", vlanTrunk: [{ minID: 5, maxID: 3 }] }, true],
  [{ type: "bridge", hairpinMode: true, promiscMode: true }, true],
  [{ type: "bridge", disableContainerInterface: true, ipam }, true],
  [{ type: "bridge", bridge: "more-than-fifteen", ipam }, false],
  [{ type: "bridge", mtu: -1 }, false],
  [{ type: "bridge", mtu: "1500" }, false],
  [{ type: "bridge", isGateway: "yes" }, false],
  [{ type: "bridge", args: { cni: { mac: "0a:00" } } }, false],
  [{ type: "bridge", runtimeConfig: { mac: "nonsense" } }, false],
  [{ type: "bridge", ipMasq: true, ipMasqBackend: "ipfw", ipam }, false],
  [{ type: "bridge", ipam: { ...ipam, type: "hostlocal" } }, false],
  [{ type: "macvlan", master: "lan0", mode: "briged", ipam }, false],
  [{ type: "macvlan", master: "lan0", mac: "01:00:00:00:00:01", ipam }, false],
  [{ type: "macvlan", master: "lan0", bcqueuelen: -1, ipam }, false],
  [{ type: "ipvlan", master: "lan0", mode: "l4", ipam }, false],
  [{ type: "vlan", vlanId: 5, ipam }, true],
  [{ type: "vlan", master: "lan0", vlanId: 5000, ipam }, false],
  [{ type: "ptp", ipam: fixed({ address: "10.0.0.5/24" }) }, true],
  [{ type: "ptp", ipMasq: true, ipMasqBackend: "ipfw", ipam }, false],
  [{ type: "dummy" }, false],
  [{ type: "tap", mac: "ff:ff:ff:ff:ff:ff", ipam }, false],
  [{ type: "tap", owner: -1, ipam }, false],
  [{ type: "host-device", ipam }, true],
  [{ type: "host-device", hwaddr: "0a-", ipam }, false],
  [{ type: "tuning", mac: "0a:00:00:00:00", prevResult: {} }, false],
  [{ type: "tuning", sysctl: { "kernel.panic": "1" } }, true],
  [{ type: "tuning", sysctl: { "net.core.somaxconn": 5 } }, false],
  [{ type: "sbr", gateways: ["10.0.0.1", "10.0.0.2", "fd00::1"] }, false],
  [{ type: "sbr", gateways: ["here"] }, false],
  [{ type: "sbr", table: 0 }, false],
  [{ type: "portmap", backend: "ipfw" }, false],
  [{ type: "portmap", markMasqBit: 32 }, false],
  [published({ hostPort: 70_000 }), false],
  [published({ protocol: "icmp" }), false],
  [published({ hostIP: "localhost" }), false],
  [{ type: "debug", failOn: "NEVER" }, false],
  [{ type: "debug", addHooks: [[]] }, false],
  [{ type: "bridge", ipam: range({ subnet: "10.1.0.0" }) }, false],
  [{ type: "bridge", ipam: range({ subnet: "10.1.0.5/24" }) }, true],
  [{ type: "bridge", ipam: range({ subnet: "10.1.0.0/31" }) }, true],
  [{ type: "bridge", ipam: range({ subnet: "10.1.0.0/24", rangeStart: "10.2.0.1" }) }, true],
  [{ type: "bridge", ipam: { type: "host-local" } }, true],
  [{ type: "bridge", ipam: { ...ipam, exclude: ["all"] } }, false],
  [{ type: "bridge", ipam: { ...ipam, reclaim: "never" } }, false],
  [{ type: "bridge", ipam: { ...ipam, routes: [{ dst: "default" }] } }, false],
  [{ type: "bridge", ipam: fixed({ address: "10.0.0.5" }) }, false],
  [{ type: "bridge", ipam: fixed({ address: "10.0.0.5/24", gateway: "gw" }) }, false],
];

const makers = ["bridge", "macvlan", "ipvlan", "vlan", "ptp", "dummy", "tap", "host-device"];
const previous = {
  cniVersion: "1.1.0",
  interfaces: [{ name: "eth0", sandbox: "/run/netns/c1" }],
  ips: [{ address: "10.0.0.5/24", interface: 0 }],
};

test("validate finds what ADD refuses, and nothing is touched", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    await batch(host, "", ["link add lan0 type veth peer lan1", "link set lan0 up"]);
    await batch(host, "c1", ["link add eth0 type veth peer eth1"]);
    const missed: string[] = [];
    await host.unchangedBy(async () => {
      for (const [config, sameWords] of refused) {
        missed.push(...(await compare(host, config, sameWords)));
      }
    });
    assert.deepEqual(missed, []);
  }));

/** What is wrong with the two answers. */
async function compare(
  host: Host,
  config: Config & { type: string },
  sameWords: boolean,
): Promise<string[]> {
  const { type } = config;
  const isMaker = makers.includes(type);
  const shown = JSON.stringify(config);
  const network = { cniVersion: "1.1.0", name: "net1" };
  const prevResult = isMaker ? undefined : previous;
  const ifName = isMaker ? "net0" : "eth0";
  const added = await host.cni("ADD", {
    plugin: type,
    ifName,
    config: { ...network, ...config, prevResult },
  });
  if (added.status === 0) return [`ADD takes ${shown}`];
  const { code, msg } = added.json as { code: number; msg: string };
  const first = { type: "bridge", ipam };
  const plugins = isMaker ? [config] : [first, config];
  const file = host.write(
    `${configDirectory}/net1.conflist`,
    JSON.stringify({ ...network, plugins }),
  );
  const runtime = { tool: "ours", path: oursInWorld } as const;
  const validated = await runTool(host, runtime, "validate", file);
  assert.equal(validated.signal, null, describe(validated));
  const errors = validated.stdout.split("\n").filter((line) => line.includes(": error: "));
  if (errors.length === 0) return [`validate takes ${shown}, which ADD refuses: ${code} ${msg}`];
  if (sameWords && !errors.some((line) => line.includes(msg) || msg.includes(wordsOf(line)))) {
    return [`validate says ${errors}, ADD ${msg}`];
  }
  return [];
}

/** The message of a line: without place and severity. */
function wordsOf(line: string): string {
  return line.replace(/^.*?: error: /, "");
}
