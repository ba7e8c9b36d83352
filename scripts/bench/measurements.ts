/** What is measured. Each function gives rows; the suites take turns within each. */

import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { measure } from "./launch.ts";
import type { Step } from "./plan.ts";
import {
  bridgeConfig,
  callOf,
  dataDir,
  ipamConfig,
  multicall,
  networkOf,
  ours,
  reference,
  type Suite,
  suites,
} from "./suites.ts";

/** One line of the table. */
export interface Row {
  readonly what: string;
  readonly unit: string;
  readonly ours: number;
  readonly reference: number;
  /** 90 of 100 runs were at or below it; times only. */
  readonly oursP90?: number;
  readonly referenceP90?: number;
  /** The most that ours may be, given the reference's. */
  readonly budget?: { readonly text: string; readonly most: number };
}

export interface Effort {
  readonly rounds: number;
  readonly limitMs: number;
  readonly crowd: number;
}

const container = "one";

/** Starts: VERSION of loopback alone, and of the file that holds the whole suite. */
export function starts({ rounds, limitMs }: Effort): Row[] {
  const alone = callOf(ours, "VERSION", { plugin: "loopback", container });
  const whole = { ...alone, path: join(multicall, "loopback"), label: "multicall" };
  const theirs = callOf(reference, "VERSION", { plugin: "loopback", container });
  const { times } = measure({
    kind: "rounds",
    alternatives: [[alone], [whole], [theirs]],
    warmUp: 5,
    rounds: 4 * rounds,
    limitMs,
  });
  const aloneMs = quantile(times[alone.label], 0.5);
  const quarter = { text: "1/4", most: quantile(times[theirs.label], 0.5) / 4 };
  const third = { text: "1.33 x alone", most: aloneMs * (4 / 3) };
  return [
    timeRow("VERSION, loopback", times[alone.label], times[theirs.label], quarter),
    timeRow("VERSION, whole suite in one file", times.multicall, times[theirs.label], third),
  ];
}

/** Wall times of the verbs of loopback and bridge. */
export function verbs({ rounds, limitMs }: Effort): Row[] {
  const stepsOf = (suite: Suite): Step[] => {
    const lo = { plugin: "loopback", container, config: { cniVersion: "1.0.0", name: "lo" } };
    const bridge = { plugin: "bridge", container, config: bridgeConfig(suite) };
    const add = callOf(suite, "ADD", bridge);
    return [
      callOf(suite, "ADD", lo),
      add,
      { ...callOf(suite, "CHECK", bridge), prevResultOf: add.label },
      callOf(suite, "DEL", bridge),
    ];
  };
  const { times } = measure({
    kind: "rounds",
    alternatives: suites.map(stepsOf),
    warmUp: 3,
    rounds,
    limitMs,
  });
  const row = (what: string, call: string, most?: { text: string; share: number }) => {
    const theirs = times[`reference ${call}`];
    const budget = most && { text: most.text, most: quantile(theirs, 0.5) * most.share };
    return timeRow(what, times[`ours ${call}`], theirs, budget);
  };
  return [
    row("ADD, loopback", "loopback ADD"),
    row("ADD, bridge + host-local", "bridge ADD", { text: "1/3", share: 1 / 3 }),
    row("CHECK, bridge + host-local", "bridge CHECK"),
    row("DEL, bridge + host-local", "bridge DEL"),
  ];
}

/** host-local with few and with many reservations: ours must not depend on how many there are. */
export function reservations({ rounds, limitMs }: Effort): Row[] {
  const rows: Row[] = [];
  let few = 0;
  for (const count of [10, 10_000]) {
    for (const suite of suites) fill(suite, networkOf(suite, `full${count}-`), count);
    const stepsOf = (suite: Suite) => {
      const config = ipamConfig(suite, networkOf(suite, `full${count}-`));
      const call = { plugin: "host-local", container, config };
      return [callOf(suite, "ADD", call), callOf(suite, "DEL", call)];
    };
    const alternatives = suites.map(stepsOf);
    const { times } = measure({ kind: "rounds", alternatives, warmUp: 3, rounds, limitMs });
    const [mine, theirs] = [times["ours host-local ADD"], times["reference host-local ADD"]];
    if (count === 10) few = quantile(mine, 0.5);
    const budget = count === 10 ? undefined : { text: "1.5 x with 10", most: 1.5 * few };
    rows.push(timeRow(`ADD, host-local with ${count} reservations`, mine, theirs, budget));
  }
  return rows;
}

/** Reservations as either suite writes them, of containers that are not there. */
function fill(suite: Suite, network: string, count: number): void {
  const folder = join(dataDir, network);
  mkdirSync(folder, { recursive: true });
  for (let n = 0; n < count; n++) {
    const address = `10.10${suite.number}.${100 + (n >> 8)}.${n & 255}`;
    writeFileSync(join(folder, address), `gone${n}\r\neth0`);
  }
}

/** Many containers at once, on one bridge. */
export function crowd({ crowd: size }: Effort): Row[] {
  const names = Array.from({ length: size }, (_, index) => `crowd${index}`);
  for (const name of names) execFileSync("ip", ["netns", "add", name]);
  const rows: Row[] = [];
  const took = new Map<string, number>();
  for (const suite of suites) {
    const stepsOf = (verb: string) =>
      names.map((name) =>
        callOf(suite, verb, { plugin: "bridge", container: name, config: bridgeConfig(suite) }),
      );
    const phases = ["ADD", "DEL"].map((label) => ({ label, steps: stepsOf(label) }));
    const { times } = measure({ kind: "storm", phases });
    for (const { label } of phases) took.set(`${suite.name} ${label}`, times[label]?.[0] ?? 0);
  }
  for (const verb of ["ADD", "DEL"]) {
    const theirs = took.get(`reference ${verb}`) ?? 0;
    rows.push({
      what: `${size} ${verb}s at once, bridge + host-local, in all`,
      unit: "ms",
      ours: took.get(`ours ${verb}`) ?? 0,
      reference: theirs,
      budget: { text: "not slower", most: theirs },
    });
  }
  for (const name of names) execFileSync("ip", ["netns", "delete", name]);
  return rows;
}

/** Counts that do not depend on the machine: system calls of the whole process tree, and peak memory. */
export function counts(): Row[] {
  const [mine, theirs] = suites.map(traceAdd);
  const [kb, theirKb] = suites.map(peakOfAdd);
  const calls = mine ?? 0;
  const theirCalls = theirs ?? 0;
  return [
    {
      what: "system calls of ADD, bridge + host-local",
      unit: "",
      ours: calls,
      reference: theirCalls,
      budget: { text: "1/8", most: theirCalls / 8 },
    },
    {
      what: "peak memory of ADD, bridge + host-local",
      unit: "KB",
      ours: kb ?? 0,
      reference: theirKb ?? 0,
      budget: { text: "4 MB, and below", most: Math.min(4096, theirKb ?? 0) },
    },
  ];
}

function traceAdd(suite: Suite): number {
  const log = `/run/bench/trace${suite.number}`;
  runAdd(suite, ["strace", "-f", "-qq", "-o", log]);
  // A call that another thread interrupts takes two lines, of which the second begins otherwise.
  return readFileSync(log, "utf8").match(/^\d+ +\w+\(/gm)?.length ?? 0;
}

function peakOfAdd(suite: Suite): number {
  const log = `/run/bench/peak${suite.number}`;
  runAdd(suite, ["/usr/bin/time", "-f", "%M", "-o", log]);
  return Number(readFileSync(log, "utf8").trim());
}

/** ADD under a program that watches it, then DEL. */
function runAdd(suite: Suite, [watcher = "", ...watching]: readonly string[]): void {
  const call = { plugin: "bridge", container, config: bridgeConfig(suite) };
  for (const [verb, program, args] of [
    ["ADD", watcher, watching],
    ["DEL", "env", []],
  ] as const) {
    const { path, env, config } = callOf(suite, verb, call);
    const { status, stdout, stderr } = spawnSync(program, [...args, path], {
      env,
      input: JSON.stringify(config),
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`${suite.name} ${verb} under ${program}: ${stdout}${stderr}`);
  }
}

/** Bytes of the executables. */
export function sizes(): Row[] {
  const file = (suite: Suite, plugin: string) => statSync(join(suite.bin, plugin)).size;
  const row = (plugin: string): Row => ({
    what: `size of ${plugin}`,
    unit: "bytes",
    ours: file(ours, plugin),
    reference: file(reference, plugin),
    budget: { text: "2 MB", most: 2_000_000 },
  });
  const whole: Row = {
    what: "size of the whole suite in one file",
    unit: "bytes",
    ours: statSync(join(multicall, "bridge")).size,
    reference: Number.NaN,
    budget: { text: "4 MB", most: 4_000_000 },
  };
  return [row("loopback"), row("host-local"), row("bridge"), whole];
}

function timeRow(
  what: string,
  mine: readonly number[] | undefined,
  theirs: readonly number[] | undefined,
  budget?: Row["budget"],
): Row {
  return {
    what,
    unit: "ms",
    ours: quantile(mine, 0.5),
    reference: quantile(theirs, 0.5),
    oursP90: quantile(mine, 0.9),
    referenceP90: quantile(theirs, 0.9),
    budget,
  };
}

function quantile(values: readonly number[] = [], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
}
