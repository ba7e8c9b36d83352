/** ADD of each plugin that stands in a chain, upon an interface that our bridge makes anew for each suite. */

import { callsOf, type Life, type Measured, timesOf } from "./lives.ts";
import type { Effort } from "./rows.ts";
import { callOf, ours, type Suite } from "./suites.ts";

const container = "one";

/** The keys of each plugin's configuration; tuning has all of them, which stand for any. */
const plugins: Readonly<Record<string, object>> = {
  tuning: {
    mac: "02:00:00:00:00:07",
    mtu: 1400,
    promisc: true,
    allmulti: true,
    txQLen: 500,
    sysctl: { "net.ipv4.conf.IFNAME.arp_filter": "1" },
  },
  bandwidth: { ingressRate: 8e6, ingressBurst: 8e4, egressRate: 8e6, egressBurst: 8e4 },
  sbr: {},
  vrf: { vrfname: "bench" },
};

export const chainedPlugins = Object.keys(plugins);

/** ADD of a plugin behind a bridge, and what has to go before and after it. */
export function chainedLife(suite: Suite, plugin: string): Life {
  const net = `10.${20 + suite.number}.0`;
  const network = { cniVersion: "1.0.0", name: `${plugin}${suite.number}` };
  const addresses = [{ address: `${net}.2/24`, gateway: `${net}.1` }];
  const ipam = { type: "static", addresses, routes: [{ dst: "0.0.0.0/0" }] };
  const bridge = `chain${suite.number}`;
  // Not ptp, whose routes the reference's vrf cannot move.
  const keys = { type: "bridge", bridge, isGateway: true, ipam };
  const first = { plugin: "bridge", container, config: { ...network, ...keys } };
  const maker: Suite = { ...ours, number: suite.number };
  const label = `first for ${suite.name}`;
  const make = { ...callOf(maker, "ADD", first), label };
  const config = { ...network, type: plugin, ...plugins[plugin] };
  const call = { plugin, container, config };
  return {
    before: [make],
    add: { ...callOf(suite, "ADD", call), prevResultOf: label },
    after: [
      { ...callOf(suite, "DEL", call), prevResultOf: label },
      { ...callOf(maker, "DEL", first), label: `last for ${suite.name}` },
    ],
  };
}

/** The rows of these plugins, in the namespace the process is in; `where` is added to what each says it is. */
export function chained(names: readonly string[], effort: Effort, where = ""): Measured {
  const present = names.filter((name) => name in plugins);
  const life = (plugin: string) => (suite: Suite) => chainedLife(suite, plugin);
  return {
    counts: present.map((plugin) => callsOf(`${plugin}${where}`, life(plugin))),
    times: present.flatMap((plugin) => timesOf(`${plugin}${where}`, life(plugin), effort)),
  };
}
