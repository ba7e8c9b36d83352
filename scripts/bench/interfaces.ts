/** ADD of each interface plugin: system calls and times, on an interface of each suite's own. */

import { execFileSync } from "node:child_process";
import { join, resolve } from "node:path";
import { countCalls, run } from "./counts.ts";
import { measure } from "./launch.ts";
import type { Step } from "./plan.ts";
import { type Effort, type Row, shareOf, timeRow } from "./rows.ts";
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

/** Those whose kind of link this kernel has, and the others. */
export function kinds(): { here: string[]; elsewhere: string[] } {
  const all = Object.keys(plugins);
  const special = ["ipvlan", "vlan", "dummy"];
  const argv = [join(root, "scripts/lacking-kinds.sh"), ...special];
  const lacking = execFileSync("bash", argv, { encoding: "utf8" }).split("\n");
  return {
    here: all.filter((plugin) => !lacking.includes(plugin)),
    elsewhere: all.filter((plugin) => lacking.includes(plugin)),
  };
}

/** ADD and DEL on the suite's own interface, with an IPv4 address of host-local. */
function lifeOf(suite: Suite, plugin: string): [add: Step, del: Step] {
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
  return [callOf(suite, "ADD", call), callOf(suite, "DEL", call)];
}

/** Runs the steps while each suite has an interface of its own on the host. */
function withLinks<T>(steps: () => T): T {
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

/** System calls of ADD; a first one makes the store's directory. */
function callsOf(plugin: string, where: string): Row {
  const [mine = 0, theirs = 0] = suites.map((suite) => {
    const [add, del] = lifeOf(suite, plugin);
    for (const step of [add, del]) run(step);
    const count = countCalls(add);
    run(del);
    return count;
  });
  return {
    what: `system calls: ADD, ${plugin} + host-local${where}`,
    unit: "",
    ours: mine,
    reference: theirs,
    budget: { text: "1/8 of theirs", most: theirs / 8 },
  };
}

function timesOf(plugin: string, where: string, { rounds, limitMs }: Effort): Row[] {
  const { times, processor } = measure({
    kind: "rounds",
    alternatives: suites.map((suite) => lifeOf(suite, plugin)),
    warmUp: 3,
    rounds,
    limitMs: limitMs / 4,
  });
  const what = `ADD, ${plugin} + host-local${where}`;
  const of = (all: typeof times) => suites.map(({ name }) => all[`${name} ${plugin} ADD`]);
  const [mine, theirs] = of(times);
  const [myProcessor, theirProcessor] = of(processor);
  return [
    timeRow(what, mine, theirs, shareOf(theirs, 3)),
    timeRow(`processor: ${what}`, myProcessor, theirProcessor),
  ];
}

/** What was measured. */
export interface Measured {
  readonly counts: readonly Row[];
  readonly times: readonly Row[];
}

/** The rows of these plugins, in the namespace the process is in; `where` is added to what each says it is. */
export function interfaces(plugins: readonly string[], effort: Effort, where = ""): Measured {
  execFileSync("sysctl", ["-qw", "net.ipv4.ip_forward=1"]);
  const each = <T>(rowsOf: (plugin: string) => T) =>
    plugins.map((plugin) => withLinks(() => rowsOf(plugin)));
  return {
    counts: each((plugin) => callsOf(plugin, where)),
    times: each((plugin) => timesOf(plugin, where, effort)).flat(),
  };
}
