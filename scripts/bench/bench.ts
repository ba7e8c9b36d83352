/** Runs all measurements, prints them as tables, and keeps them in bench/results.md. */

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";
import { join, resolve } from "node:path";
import { readVersion } from "../version.ts";
import { chainCalls, chainTimes } from "./chain.ts";
import { chained } from "./chained.ts";
import { calls, memory, sizes } from "./counts.ts";
import { crowd } from "./crowd.ts";
import { daemonMemory, leaseTimes } from "./dhcp.ts";
import { interfaces, kinds } from "./interfaces.ts";
import { type Measured, together } from "./lives.ts";
import { ports } from "./ports.ts";
import { type Effort, isMet, type Row, table } from "./rows.ts";
import { memory as dataDir } from "./suites.ts";
import { reservations, starts, variants, verbs } from "./times.ts";

const root = resolve(import.meta.dirname, "../..");
const quick = process.argv.includes("--quick");
const effort: Effort = quick
  ? { rounds: 20, limitMs: 3_000, crowd: 20, crowds: 1 }
  : { rounds: 100, limitMs: 8_000, crowd: 100, crowds: 2 };

function theirVersion(): string {
  const file = join(root, "dist/reference/version");
  return existsSync(file) ? readFileSync(file, "utf8").trim() : "of unknown version";
}

function heading(): string[] {
  const processors = `${cpus().length} x ${cpus()[0]?.model.trim()}`;
  const load = loadavg()[0]?.toFixed(1);
  return [
    `tscni ${readVersion(root)} beside the reference suite ${theirVersion()}`,
    `${new Date().toISOString().slice(0, 10)}, Linux ${release()}, ${processors}, load ${load} at the start`,
  ];
}

/** Interface plugins and chained ones; those whose kind of link this kernel lacks, under another one. */
function pluginsAnywhere(): Measured {
  const { here, elsewhere } = kinds();
  const native = together(interfaces(here, effort), chained(here, effort));
  if (elsewhere.length === 0) return native;
  const share = join(root, "dist/bench");
  execFileSync(
    join(root, "scripts/uml.sh"),
    ["-o", share, "node", "--import", "tsx", "scripts/bench/elsewhere.ts", ...elsewhere],
    { stdio: ["ignore", "inherit", "inherit"], cwd: root },
  );
  const foreign: Measured = JSON.parse(readFileSync(join(share, "elsewhere.json"), "utf8"));
  return together(native, foreign);
}

function measureAll(): { title: string; rows: Row[] }[] {
  console.error("measuring: plugins ...");
  const { counts, times } = pluginsAnywhere();
  const groups: [string, (() => Row[])[]][] = [
    ["Counts", [calls, chainCalls, () => [...counts], memory, daemonMemory, sizes]],
    [
      "Times",
      [
        () => starts(effort),
        () => verbs(effort),
        () => variants(effort),
        () => chainTimes(effort),
        () => ports(effort),
        () => reservations(effort),
        () => crowd(effort),
        () => [...times],
        () => leaseTimes(effort),
      ],
    ],
  ];
  return groups.map(([title, parts]) => {
    console.error(`measuring: ${title.toLowerCase()} ...`);
    return { title, rows: parts.flatMap((part) => part()) };
  });
}

function verdict(rows: readonly Row[]): string {
  const judged = rows.filter(({ budget }) => budget !== undefined);
  const missed = judged.filter((row) => !isMet(row)).map(({ what }) => what);
  if (missed.length === 0) return `All ${judged.length} budgets are met.`;
  return `${judged.length - missed.length} of ${judged.length} budgets are met; missed: ${missed.join("; ")}.`;
}

mkdirSync(dataDir, { recursive: true });
execFileSync("ip", ["netns", "add", "one"]);
const head = heading();
const groups = measureAll();
const conclusion = verdict(groups.flatMap(({ rows }) => rows));
const body = groups.map(({ title, rows }) => `## ${title}\n\n${table(rows)}`).join("\n\n");
console.log(`\n${head.join("\n")}\n\n${body}\n\n${conclusion}`);
if (!quick) {
  const explanation =
    "Written by `npm run bench`. Times are of whole processes, start to exit: medians of alternating runs, and in brackets\n" +
    "what nine of ten kept to. Counts are of whole process trees. State is kept in memory unless a line says otherwise.\n" +
    "UML is a User-Mode Linux kernel, for links that this kernel has not: there a time means something beside the other one\n" +
    "only, and Go makes more system calls, as it waits longer. Moving a link to another namespace, which host-device's ADD\n" +
    "does once here and twice there, is mostly the kernel's waiting.";
  mkdirSync(join(root, "bench"), { recursive: true });
  writeFileSync(
    join(root, "bench/results.md"),
    `# Results\n\n${head.join("  \n")}\n\n${explanation}\n\n${body}\n\n${conclusion}\n`,
  );
}
