/** ADD of the chain that podman and nerdctl write by default: bridge with masquerading, portmap, firewall, tuning. */

import { run, watchCalls } from "./counts.ts";
import { measure } from "./launch.ts";
import type { Step } from "./plan.ts";
import { type Effort, type Row, shareOf, timeRow } from "./rows.ts";
import { bridgeConfig, callOf, type Suite, suites, type Variant } from "./suites.ts";

const container = "one";
const variant: Variant = { digit: 6, ipMasq: true };
const title = "ADD, bridge with ipMasq + host-local, portmap (3 ports), firewall, tuning";

/** What follows the bridge; each suite with ports of its own. firewall takes iptables, as no firewalld runs. */
function followers({ number }: Suite): object[] {
  const portMappings = ["tcp", "tcp", "udp"].map((protocol, at) => ({
    protocol,
    hostPort: 10_000 + 10 * number + at,
    containerPort: 80 + at,
  }));
  return [
    { type: "portmap", capabilities: { portMappings: true }, runtimeConfig: { portMappings } },
    { type: "firewall" },
    { type: "tuning" },
  ];
}

/** The plugins' ADDs in order, each with the result of the one before it; then their DELs. */
export function chainLife(suite: Suite): { adds: Step[]; dels: Step[] } {
  const first = bridgeConfig(suite, variant) as { name: string };
  const configs = [
    first,
    ...followers(suite).map((config) => ({ cniVersion: "1.0.0", name: first.name, ...config })),
  ] as { type?: string }[];
  const adds: Step[] = [];
  for (const config of configs) {
    const step = callOf(suite, "ADD", { plugin: config.type ?? "", container, config });
    adds.push({ ...step, prevResultOf: adds.at(-1)?.label });
  }
  const result = adds.at(-1)?.label;
  const dels = configs.map((config) => ({
    ...callOf(suite, "DEL", { plugin: config.type ?? "", container, config }),
    prevResultOf: result,
  }));
  return { adds, dels: dels.reverse() };
}

/** Runs the steps, each with the result it asks for; `runOne` says what was printed. */
export function runAll(steps: readonly Step[], runOne: (step: Step) => string): void {
  const printed = new Map<string, string>();
  for (const step of steps) {
    const previous = printed.get(step.prevResultOf ?? "");
    const prevResult = previous === undefined ? undefined : JSON.parse(previous);
    printed.set(step.label, runOne({ ...step, config: { ...step.config, prevResult } }));
  }
}

/** System calls of the four ADDs together, where another container's chain has made what is shared. */
export function chainCalls(): Row[] {
  const [mine = 0, theirs = 0] = suites.map((suite) => {
    const { adds, dels } = chainLife(suite);
    runAll([...adds, ...dels], run);
    let sum = 0;
    runAll([...adds, ...dels], (step) => {
      if (!adds.some(({ label }) => label === step.label)) return run(step);
      const { calls, printed } = watchCalls(step);
      sum += calls;
      return printed;
    });
    return sum;
  });
  const budget = { text: "1/12 of theirs", most: theirs / 12 };
  return [{ what: `system calls: ${title}`, unit: "", ours: mine, reference: theirs, budget }];
}

/** The four ADDs one after the other, and the four DELs. */
export function chainTimes({ rounds, limitMs }: Effort): Row[] {
  const lives = suites.map(chainLife);
  const { times } = measure({
    kind: "rounds",
    alternatives: lives.map(({ adds, dels }) => [...adds, ...dels]),
    warmUp: 2,
    rounds,
    limitMs,
  });
  const sumOf = (steps: readonly Step[] = []): number[] => {
    const [first, ...others] = steps.map(({ label }) => times[label] ?? []);
    return (first ?? []).map((ms, round) =>
      others.reduce((sum, of) => sum + (of[round] ?? Number.NaN), ms),
    );
  };
  const [myAdds, theirAdds] = lives.map(({ adds }) => sumOf(adds));
  const [myDels, theirDels] = lives.map(({ dels }) => sumOf(dels));
  return [
    timeRow(title, myAdds, theirAdds, shareOf(theirAdds, 10)),
    timeRow(title.replace("ADD", "DEL"), myDels, theirDels),
  ];
}
