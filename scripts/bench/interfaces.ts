/** ADD of each interface plugin: system calls and times, on an interface of each suite's own. */

import { execFileSync } from "node:child_process";
import { join, resolve } from "node:path";
import { chainedPlugins } from "./chained.ts";
import { callsOf, type Life, type Measured, timesOf } from "./lives.ts";
import type { Effort } from "./rows.ts";
import { callOf, memory, type Suite, suites } from "./suites.ts";

const root = resolve(import.meta.dirname, "../..");
const container = "one";

/** The keys of each plugin's configuration besides `ipam`, given the name of a host's interface. */
const plugins: Readonly<Record<string, (link: string) => object>> = {
  ptp: () => ({}),
  macvlan: (master) => ({ master }),
  tap: () => ({}),
  "host-device": (device) => ({ device }),
  ipvlan: (master) => ({ master }),
  vlan: (master) => ({ master, vlanId: 100 }),
  dummy: () => ({}),
};

/** Those of all plugins measured so whose kind of link this kernel has, and the others. */
export function kinds(): { here: string[]; elsewhere: string[] } {
  const all = [...Object.keys(plugins), ...chainedPlugins];
  const special = ["ipvlan", "vlan", "dummy", "vrf"];
  const argv = [join(root, "scripts/lacking-kinds.sh"), ...special];
  const lacking = execFileSync("bash", argv, { encoding: "utf8" }).split("\n");
  return {
    here: all.filter((plugin) => !lacking.includes(plugin)),
    elsewhere: all.filter((plugin) => lacking.includes(plugin)),
  };
}

/** ADD and DEL on the suite's own interface, with an IPv4 address of host-local. */
export function interfaceLife(suite: Suite, plugin: string): Life {
  const subnet = `10.${20 + suite.number}.0.0/16`;
  const config = {
    cniVersion: "1.0.0",
    name: `${plugin}${suite.number}`,
    type: plugin,
    ...plugins[plugin]?.(`bench${suite.number}`),
    ipam: {
      type: "host-local",
      dataDir: memory,
      ranges: [[{ subnet }]],
      routes: [{ dst: "0.0.0.0/0" }],
    },
  };
  const call = { plugin, container, config };
  return { before: [], add: callOf(suite, "ADD", call), after: [callOf(suite, "DEL", call)] };
}

/** Runs the steps while each suite has an interface of its own on the host. */
export function withLinks<T>(steps: () => T): T {
  const links = suites.map(({ number }) => `bench${number}`);
  const lines = links.flatMap((link) => [
    `link add ${link} up type veth peer name ${link}peer`,
    `link set ${link}peer up`,
  ]);
  execFileSync("ip", ["-batch", "-"], { input: lines.join("\n") });
  try {
    return steps();
  } finally {
    for (const link of links) execFileSync("ip", ["link", "delete", link]);
  }
}

/** The rows of these plugins, in the namespace the process is in; `where` is added to what each says it is. */
export function interfaces(names: readonly string[], effort: Effort, where = ""): Measured {
  execFileSync("sysctl", ["-qw", "net.ipv4.ip_forward=1"]);
  const each = <T>(rowsOf: (plugin: string) => T) =>
    names.filter((name) => name in plugins).map((plugin) => withLinks(() => rowsOf(plugin)));
  const what = (plugin: string) => `${plugin} + host-local${where}`;
  const life = (plugin: string) => (suite: Suite) => interfaceLife(suite, plugin);
  return {
    counts: each((plugin) => callsOf(what(plugin), life(plugin))),
    times: each((plugin) => timesOf(what(plugin), life(plugin), effort)).flat(),
  };
}
