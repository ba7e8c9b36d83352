/** What does not depend on how busy the machine is: system calls, instructions, memory, bytes. */

import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { measure } from "./launch.ts";
import type { Step } from "./plan.ts";
import type { Budget, Row } from "./rows.ts";
import {
  bridgeConfig,
  bridgeOf,
  callOf,
  ipamConfig,
  loopbackConfig,
  multicall,
  ours,
  reference,
  type Suite,
  suites,
  type Variant,
} from "./suites.ts";

const container = "one";
const variant: Variant = { digit: 5 };
const log = "/run/bench/watched";

/** Counts the calls, or the instructions, of a step's whole process tree. */
type Counter = (step: Step) => number;

/** Every case of a first and a second container, in an order in which each leaves what the next one needs. */
const cases = ["VERSION", "loopback", "host-local", "first", "further", "CHECK", "DEL"] as const;
type Case = (typeof cases)[number];

const titles: Readonly<Record<Case, string>> = {
  VERSION: "VERSION, loopback",
  loopback: "ADD, loopback",
  "host-local": "ADD, host-local",
  first: "ADD, bridge + host-local, which makes the bridge",
  further: "ADD, bridge + host-local",
  CHECK: "CHECK, bridge + host-local",
  DEL: "DEL, bridge + host-local",
};

/** System calls, and instructions where this machine counts them. */
export function calls(): Row[] {
  const budget = (theirs: number): Budget => ({ text: "1/8 of theirs", most: theirs / 8 });
  const rows = countAll("system calls", countCalls, budget);
  return canCountInstructions()
    ? [...rows, ...countAll("instructions in user mode", countInstructions)]
    : rows;
}

function countAll(what: string, counter: Counter, budget?: (theirs: number) => Budget): Row[] {
  const [mine, theirs] = suites.map((suite) => countSuite(suite, counter));
  return cases.map((name) => {
    const reference = theirs?.[name] ?? Number.NaN;
    const isJudged = name === "first" || name === "further";
    return {
      what: `${what}: ${titles[name]}`,
      unit: "",
      ours: mine?.[name] ?? Number.NaN,
      reference,
      budget: isJudged ? budget?.(reference) : undefined,
    };
  });
}

function countSuite(suite: Suite, counter: Counter): Record<Case, number> {
  const ipam = {
    plugin: "host-local",
    container,
    config: ipamConfig(suite, `count${suite.number}`),
  };
  const bridge = { plugin: "bridge", container, config: bridgeConfig(suite, variant) };
  const [add, del] = [callOf(suite, "ADD", bridge), callOf(suite, "DEL", bridge)];
  const loopback = { plugin: "loopback", container, config: loopbackConfig };
  const version = counter(callOf(suite, "VERSION", loopback));
  const lo = counter(callOf(suite, "ADD", loopback));
  run(callOf(suite, "ADD", ipam)); // makes the directory
  run(callOf(suite, "DEL", ipam));
  const hostLocal = counter(callOf(suite, "ADD", ipam));
  run(callOf(suite, "DEL", ipam));
  const first = counter(add);
  run(del);
  const further = counter(add);
  run(del);
  const prevResult = JSON.parse(run(add));
  const check = callOf(suite, "CHECK", { ...bridge, config: { ...bridge.config, prevResult } });
  const counts = {
    VERSION: version,
    loopback: lo,
    "host-local": hostLocal,
    first,
    further,
    CHECK: counter(check),
    DEL: counter(del),
  };
  spawnSync("ip", ["link", "delete", bridgeOf(suite, variant)]); // the next counter begins anew
  return counts;
}

export const countCalls: Counter = (step) => watchCalls(step).calls;

/** The same, with what the step printed. */
export function watchCalls(step: Step): { calls: number; printed: string } {
  const printed = run(step, ["strace", "-f", "-qq", "-o", log]);
  // A call that another thread interrupts takes two lines, of which the second begins otherwise.
  const calls = readFileSync(log, "utf8").match(/^\d+ +\w+\(/gm)?.length ?? 0;
  return { calls, printed };
}

const countInstructions: Counter = (step) => {
  run(step, ["perf", "stat", "-x,", "-e", "instructions:u", "-o", log]);
  return Number(/^(\d+),.*instructions:u/m.exec(readFileSync(log, "utf8"))?.[1]);
};

function canCountInstructions(): boolean {
  const perf = ["stat", "-x,", "-e", "instructions:u", "true"];
  return /^\d+,/m.test(spawnSync("perf", perf, { encoding: "utf8" }).stderr ?? "");
}

/** Runs a step to its end, under a program that watches it if one is given; what it printed. */
export function run({ path, env, config, label }: Step, watcher: readonly string[] = []): string {
  const [program = path, ...args] = [...watcher, path];
  const { status, stdout, stderr } = spawnSync(program, args, {
    env,
    input: config === undefined ? "" : JSON.stringify(config),
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`${label} by ${program} failed: ${stdout}${stderr}`);
  return stdout;
}

/** Peak memory of the largest process. */
export function memory(): Row[] {
  const peakOf = (suite: Suite) => {
    const bridge = { plugin: "bridge", container, config: bridgeConfig(suite, variant) };
    const steps = ["ADD", "DEL"].map((verb) => callOf(suite, verb, bridge));
    return measure({
      kind: "rounds",
      alternatives: [steps],
      warmUp: 0,
      rounds: 2,
      limitMs: 10_000,
    }).peakKb;
  };
  const theirs = peakOf(reference);
  const most = Math.min(4096, theirs);
  return [
    {
      what: "peak memory: ADD and DEL, bridge + host-local",
      unit: "KB",
      ours: peakOf(ours),
      reference: theirs,
      budget: { text: "4 MB, and below theirs", most },
    },
  ];
}

/** Bytes of the executables. */
export function sizes(): Row[] {
  const size = (suite: Suite, plugin: string) => statSync(join(suite.bin, plugin)).size;
  const plugins = ["loopback", "host-local", "bridge"];
  const row = (plugin: string): Row => ({
    what: `size: ${plugin}`,
    unit: "bytes",
    ours: size(ours, plugin),
    reference: size(reference, plugin),
    budget: { text: "2 MB", most: 2 * 1024 * 1024 },
  });
  const whole: Row = {
    what: "size: the whole suite in one file",
    unit: "bytes",
    ours: size(multicall, "bridge"),
    reference: Number.NaN,
    budget: { text: "4 MB", most: 4 * 1024 * 1024 },
  };
  return [...plugins.map(row), whole];
}
