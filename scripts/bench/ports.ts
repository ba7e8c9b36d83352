/** portmap's verbs with one port and with a thousand: ours must not cost much more for them. */

import { measure } from "./launch.ts";
import type { Step } from "./plan.ts";
import { type Effort, median, type Row, timeRow } from "./rows.ts";
import { callOf, ours, reference, type Suite } from "./suites.ts";

const container = "one";
const many = 1000;

interface Mapping {
  readonly protocol: "tcp";
  readonly hostPort: number;
  readonly containerPort: number;
  readonly range?: number;
}

/** What is published; a range is what the reference does not know. */
const cases: Readonly<Record<string, readonly Mapping[]>> = {
  "1 port": [{ protocol: "tcp", hostPort: 10_000, containerPort: 80 }],
  "1,000 ports, one range": [
    { protocol: "tcp", hostPort: 10_000, containerPort: 20_000, range: many },
  ],
  // 7,919 and 60,013 are primes: no port comes twice, none follows another.
  "1,000 ports, scattered": Array.from({ length: many }, (_, at) => ({
    protocol: "tcp",
    hostPort: 2000 + ((7919 * at) % 60_013),
    containerPort: 1 + at,
  })),
};

function stepsOf(suite: Suite, name: string): Step[] {
  const net = `10.${60 + suite.number}.0`;
  const config = {
    cniVersion: "1.0.0",
    name: `ports${suite.number}`,
    type: "portmap",
    backend: "nftables",
    runtimeConfig: { portMappings: cases[name] },
    prevResult: {
      cniVersion: "1.0.0",
      interfaces: [{ name: `eth${suite.number}`, sandbox: `/run/netns/${container}` }],
      ips: [{ address: `${net}.2/24`, gateway: `${net}.1`, interface: 0 }],
    },
  };
  return ["ADD", "CHECK", "DEL"].map((verb) => ({
    ...callOf(suite, verb, { plugin: "portmap", container, config }),
    label: `${suite.name} ${verb} ${name}`,
  }));
}

/** Every verb with each; of the reference's a few with the thousand, which take it hundreds of milliseconds. */
export function ports({ rounds, limitMs }: Effort): Row[] {
  const names = Object.keys(cases);
  const [first = ""] = names;
  const { times } = measure({
    kind: "rounds",
    alternatives: [...names.map((name) => stepsOf(ours, name)), stepsOf(reference, first)],
    warmUp: 3,
    rounds,
    limitMs,
  });
  const theirs = measure({
    kind: "rounds",
    alternatives: [stepsOf(reference, "1,000 ports, scattered")],
    warmUp: 1,
    rounds: 3,
    limitMs,
  }).times;
  const most = 3 * median(times[`ours ADD ${first}`]);
  return names.flatMap((name) =>
    ["ADD", "CHECK", "DEL"].map((verb) => {
      const label = `${verb} ${name}`;
      const budget = { text: "3 x with 1 port", most };
      return timeRow(
        `${verb}, portmap with ${name}`,
        times[`ours ${label}`],
        times[`reference ${label}`] ?? theirs[`reference ${label}`],
        verb === "ADD" && name !== first ? budget : undefined,
      );
    }),
  );
}
