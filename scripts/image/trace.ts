/**
 * Has valgrind watch what plugins touch of their images, and writes those blocks' names to hot.txt (trace.sh). Names that
 * are no more cost nothing, and blocks that are not listed stand behind those that are.
 */

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { chainLife, runAll } from "../bench/chain.ts";
import { chainedLife, chainedPlugins } from "../bench/chained.ts";
import { run } from "../bench/counts.ts";
import { interfaceLife, kinds, withLinks } from "../bench/interfaces.ts";
import type { Step } from "../bench/plan.ts";
import {
  bridgeConfig,
  callOf,
  memory as dataDir,
  ipamConfig,
  loopbackConfig,
  ours,
  type Variant,
} from "../bench/suites.ts";
import { type Block, readBlocks } from "./blocks.ts";
import { writeNames } from "./list.ts";
import { type Sighting, sortNames } from "./sort.ts";

const root = resolve(import.meta.dirname, "../..");
const list = join(import.meta.dirname, "hot.txt");
const log = "/run/bench/touched";
const container = "one";
const sightings: Sighting[] = [];

/** Runs a step under valgrind and notes what it touched; what it printed. */
function watch(step: Step): string {
  const printed = run(step, ["valgrind", "--tool=lackey", "--trace-mem=yes", `--log-file=${log}`]);
  const blocks = blocksOf(basename(step.path));
  const sighting = sightingOf(readFileSync(log, "latin1"), blocks);
  sightings.push({ ...sighting, isAdd: step.env.CNI_COMMAND === "ADD" });
  console.error(`${step.label.padEnd(30)} ${sighting.touched.length} of ${blocks.length} blocks`);
  return printed;
}

const tables = new Map<string, Block[]>();

function blocksOf(plugin: string): Block[] {
  const file = (kind: string) => readFileSync(join(root, `dist/bundles/${plugin}.${kind}`), "utf8");
  const sources = () => file("sources").split("\n");
  const known = tables.get(plugin);
  if (known !== undefined) return known;
  const blocks = readBlocks(file("blocks"), sources()).sort((a, b) => a.address - b.address);
  tables.set(plugin, blocks);
  return blocks;
}

/** The blocks in the order in which a trace of loads, stores and modifications gets to them. */
function sightingOf(trace: string, blocks: readonly Block[]): Omit<Sighting, "isAdd"> {
  const [first, last] = [blocks[0]?.address ?? 0, blocks.at(-1)?.address ?? 0];
  const touched = new Set<string>();
  const written = new Set<string>();
  for (const [, kind, digits = ""] of trace.matchAll(/^ ([LSM]) ([0-9a-f]+),/gm)) {
    const address = Number.parseInt(digits, 16);
    if (address < first || address >= last + 4096) continue;
    const block = blockAt(address, blocks);
    if (block === undefined) continue;
    touched.add(block.name);
    if (kind !== "L") written.add(block.name);
  }
  return { present: blocks.map(({ name }) => name), touched: [...touched], written };
}

function blockAt(address: number, blocks: readonly Block[]): Block | undefined {
  let [low, high] = [0, blocks.length];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((blocks[middle]?.address ?? 0) <= address) low = middle;
    else high = middle;
  }
  const block = blocks[low];
  return block && address < block.address + block.size ? block : undefined;
}

/** A container's life with each plugin that this kernel can run. */
function watchAll(): void {
  const call = (plugin: string, config: object) =>
    ["ADD", "CHECK", "DEL"].map((verb) => callOf(ours, verb, { plugin, container, config }));
  for (const digit of [0, 1]) {
    const variant: Variant = { digit, bothFamilies: digit === 1 };
    watchLife(call("bridge", bridgeConfig(ours, variant)));
  }
  watchLife(call("loopback", loopbackConfig));
  watchLife(call("host-local", ipamConfig(ours, "hot")));
  const { here } = kinds();
  for (const plugin of here.filter((name) => !chainedPlugins.includes(name))) {
    const { add, after } = interfaceLife(ours, plugin);
    withLinks(() => runAll([add, ...after], watch));
  }
  for (const plugin of here.filter((name) => chainedPlugins.includes(name))) {
    const { before, add, after } = chainedLife(ours, plugin);
    runAll([...before, add, ...after], watch);
  }
  const { adds, dels } = chainLife(ours);
  runAll([...adds, ...dels], watch);
}

function watchLife([add, check, del]: readonly Step[]): void {
  if (add === undefined || check === undefined || del === undefined) return;
  runAll([add, { ...check, prevResultOf: add.label }, del], watch);
}

mkdirSync(dataDir, { recursive: true });
execFileSync("ip", ["netns", "add", container]);
execFileSync("sysctl", ["-qw", "net.ipv4.ip_forward=1"]);
watchAll();
const sections = sortNames(sightings).map(
  ({ title, names }) => `\n# ${title}\n${writeNames(names)}`,
);
writeFileSync(
  list,
  `# Blocks of images, as plugins touch them: \`npm run hot\` writes this (list.ts).\n${sections.join("")}`,
);
