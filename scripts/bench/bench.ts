/** Runs all measurements, prints them as a table, and keeps it in bench/results.md. */

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { join, resolve } from "node:path";
import {
  counts,
  crowd,
  type Effort,
  type Row,
  reservations,
  sizes,
  starts,
  verbs,
} from "./measurements.ts";

const root = resolve(import.meta.dirname, "../..");
const quick = process.argv.includes("--quick");
const effort: Effort = quick
  ? { rounds: 20, limitMs: 5_000, crowd: 20 }
  : { rounds: 150, limitMs: 40_000, crowd: 100 };

function version(): string {
  const { version: number } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const git = (...args: string[]) =>
    execFileSync("git", ["-C", root, ...args], { encoding: "utf8" });
  try {
    return `v${number}+${git("rev-parse", "--short=12", "HEAD").trim()}`;
  } catch {
    return `v${number}`;
  }
}

function number(value: number, unit: string): string {
  if (Number.isNaN(value)) return "";
  return unit === "ms" ? value.toFixed(2) : String(Math.round(value));
}

function withP90(value: number, p90: number | undefined, unit: string): string {
  return p90 === undefined ? number(value, unit) : `${number(value, unit)} (${number(p90, unit)})`;
}

function cells(row: Row): string[] {
  const { what, unit, budget } = row;
  const ratio = row.reference / row.ours;
  const met = budget === undefined ? "" : row.ours <= budget.most ? "met" : "MISSED";
  return [
    unit === "" ? what : `${what}, ${unit}`,
    withP90(row.ours, row.oursP90, unit),
    withP90(row.reference, row.referenceP90, unit),
    Number.isFinite(ratio) ? `${ratio.toFixed(1)} x` : "",
    budget?.text ?? "",
    met,
  ];
}

function table(rows: readonly Row[]): string {
  const lines = [
    ["what", "ours", "reference", "less by", "budget", ""],
    ["---", "---", "---", "---", "---", "---"],
    ...rows.map(cells),
  ];
  const widths = lines[0]?.map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  return lines
    .map((line) => `| ${line.map((cell, at) => cell.padEnd(widths?.[at] ?? 0)).join(" | ")} |`)
    .join("\n");
}

mkdirSync("/run/bench", { recursive: true });
execFileSync("ip", ["netns", "add", "one"]);
const rows = [
  ...counts(),
  ...sizes(),
  ...starts(effort),
  ...verbs(effort),
  ...reservations(effort),
  ...crowd(effort),
];

const reference = join(root, "dist/reference/version");
const theirs = existsSync(reference) ? readFileSync(reference, "utf8").trim() : "unknown";
const head = [
  `tscni ${version()} beside the reference suite ${theirs}`,
  `${new Date().toISOString().slice(0, 10)}, Linux ${release()}, ${cpus().length} x ${cpus()[0]?.model.trim()}`,
];
const text = table(rows);
console.log(`${head.join("\n")}\n\n${text}`);
if (!quick) {
  const preface =
    "Written by `npm run bench`. Times are medians of alternating runs, whole process, start to exit, with the 90th\n" +
    "percentile in brackets; counts are of the whole process tree.";
  mkdirSync(join(root, "bench"), { recursive: true });
  writeFileSync(
    join(root, "bench/results.md"),
    `# Results\n\n${head.join("  \n")}\n\n${text}\n\n${preface}\n`,
  );
}
