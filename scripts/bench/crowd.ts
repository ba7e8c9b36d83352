/** Many containers at once on one bridge, and what must hold afterwards. */

import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { measure } from "./launch.ts";
import { type Effort, median, type Row } from "./rows.ts";
import { bridgeConfig, callOf, networkOf, type Suite, suites, type Variant } from "./suites.ts";

const variant: Variant = { digit: 4 };

/** All ADDs at once, then all DELs; in total none may be slower than the reference. */
export function crowd({ crowd: size, crowds }: Effort): Row[] {
  const names = Array.from({ length: size }, (_, index) => `crowd${index}`);
  batch(names.map((name) => `netns add ${name}`));
  const took = new Map<string, number[]>();
  const turns = [...suites];
  for (let turn = 0; turn < crowds; turn++) {
    for (const suite of turns) {
      for (const [verb, ms] of comeAndGo(suite, names)) {
        const key = `${suite.name} ${verb}`;
        took.set(key, [...(took.get(key) ?? []), ms]);
      }
    }
    turns.reverse();
  }
  batch(names.map((name) => `netns delete ${name}`));
  return ["ADD", "DEL"].map((verb) => {
    const theirs = median(took.get(`reference ${verb}`));
    return {
      what: `${size} ${verb}s at once, bridge + host-local, in all`,
      unit: "ms",
      ours: median(took.get(`ours ${verb}`)),
      reference: theirs,
      budget: { text: "not slower", most: theirs },
    };
  });
}

/** How long the ADDs and how long the DELs took, in all. */
function comeAndGo(suite: Suite, names: readonly string[]): [string, number][] {
  const config = bridgeConfig(suite, variant);
  const phases = ["ADD", "DEL"].map((label) => ({
    label,
    steps: names.map((name) => callOf(suite, label, { plugin: "bridge", container: name, config })),
  }));
  const { times, outputs } = measure({ kind: "storm", phases });
  proveUnique(suite, outputs.ADD ?? [], names.length);
  proveNothingIsLeft(suite);
  return phases.map(({ label }) => [label, times[label]?.[0] ?? Number.NaN]);
}

function proveUnique({ name }: Suite, results: readonly string[], count: number): void {
  const addresses = results.map((text) => JSON.parse(text).ips[0].address);
  const different = new Set(addresses).size;
  if (different !== count) throw new Error(`${name}: ${different} addresses for ${count} ADDs`);
}

function proveNothingIsLeft(suite: Suite): void {
  const links = execFileSync("ip", ["-o", "link", "show", "type", "veth"], { encoding: "utf8" });
  if (links !== "") throw new Error(`${suite.name} left behind: ${links}`);
  const { dataDir, name } = networkOf(suite, variant);
  const files = readdirSync(join(dataDir, name)).filter((file) => /^[0-9]/.test(file));
  if (files.length > 0) throw new Error(`${suite.name} left reservations: ${files.join(" ")}`);
}

function batch(lines: readonly string[]): void {
  execFileSync("ip", ["-batch", "-"], { input: lines.join("\n") });
}
