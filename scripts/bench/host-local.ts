/**
 * What ADD and DEL of host-local cost with few and with many reservations, ours and the reference's, each alone and
 * both in turn on one directory. Prints a table; needs npm run build and scripts/install-reference.sh.
 */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { measure } from "./launch.ts";
import type { Step } from "./plan.ts";

const root = resolve(import.meta.dirname, "../..");
const executables = {
  ours: join(root, "dist/bin/host-local"),
  reference: join(root, "dist/reference/bin/host-local"),
} as const;

type Suite = keyof typeof executables;

const scratch = mkdtempSync(join(tmpdir(), "host-local-bench-"));

function config(dataDir: string): object {
  const ipam = { type: "host-local", dataDir, subnet: "10.0.0.0/8" };
  return { cniVersion: "1.0.0", name: "bench", ipam };
}

/** Reservations as the reference leaves them. */
function fill(dataDir: string, count: number): void {
  const folder = join(dataDir, "bench");
  mkdirSync(folder, { recursive: true });
  for (let i = 0; i < count; i++) {
    const address = `10.1.${i >> 8}.${i & 255}`;
    writeFileSync(join(folder, address), `${String(i).padStart(64, "0")}\r\neth0`);
    if (i === count - 1) writeFileSync(join(folder, "last_reserved_ip.0"), address);
  }
}

function step(suite: Suite, verb: "ADD" | "DEL", dataDir: string, label = verb as string): Step {
  const env = {
    CNI_COMMAND: verb,
    CNI_CONTAINERID: `bench-${suite}`,
    CNI_IFNAME: "eth0",
    CNI_NETNS: "/run/netns/none",
    CNI_PATH: "/opt/cni/bin",
  };
  return { label: `${suite} ${label}`, path: executables[suite], env, config: config(dataDir) };
}

function median(times: readonly number[] | undefined): string {
  const sorted = [...(times ?? [])].sort((a, b) => a - b);
  return (sorted[Math.floor(sorted.length / 2)] ?? Number.NaN).toFixed(2);
}

/** One row: each suite by itself, then both in turn, so that each finds what the other has changed. */
function measureWith(count: number): string {
  const dataDir = join(scratch, String(count));
  fill(dataDir, count);
  const alone = (suite: Suite) =>
    measure({
      kind: "rounds",
      alternatives: [[step(suite, "ADD", dataDir), step(suite, "DEL", dataDir)]],
      // Ours puts two thousand files into its index at each call.
      warmUp: suite === "ours" ? 5 + count / 3000 : 1,
      rounds: suite === "ours" ? 100 : 15,
      limitMs: 60_000,
    }).times;
  const ours = alone("ours");
  const reference = alone("reference");
  const inTurn = measure({
    kind: "rounds",
    alternatives: [
      [
        step("ours", "ADD", dataDir, "in turn"),
        step("reference", "ADD", dataDir, "in turn"),
        step("ours", "DEL", dataDir, "in turn"),
        step("reference", "DEL", dataDir, "in turn"),
      ],
    ],
    warmUp: 1,
    rounds: 10,
    limitMs: 60_000,
  }).times;
  const cells = [
    ours["ours ADD"],
    reference["reference ADD"],
    ours["ours DEL"],
    reference["reference DEL"],
    inTurn["ours in turn"],
    inTurn["reference in turn"],
  ];
  return `| ${count.toLocaleString("en")} | ${cells.map(median).join(" | ")} |`;
}

try {
  const titles = [
    "ADD: tscni",
    "reference",
    "DEL: tscni",
    "reference",
    "in turn: tscni",
    "reference",
  ];
  console.log(`| reservations | ${titles.join(" | ")} |`);
  console.log(`| ---: |${" ---: |".repeat(titles.length)}`);
  for (const count of [10, 1000, 10_000, 60_000]) console.log(measureWith(count));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
