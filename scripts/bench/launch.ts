/** Builds the measuring program and runs plans by it. */

import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";
import { buildSync } from "esbuild";
import type { Answer, Plan } from "./plan.ts";

const root = resolve(import.meta.dirname, "../..");
const engine = join(root, "dist/engine/engine");
const program = join(root, "dist/measure.js");

let isBundled = false;

function bundle(): void {
  if (isBundled) return;
  buildSync({
    entryPoints: [join(root, "scripts/bench/measure.ts")],
    outfile: program,
    bundle: true,
    format: "iife",
    target: "es2023",
    supported: { using: true },
    conditions: ["engine"],
    charset: "utf8",
    logLevel: "warning",
  });
  isBundled = true;
}

/** Carries out a plan. Throws when a step fails. */
export function measure(plan: Plan): Answer {
  bundle();
  const { status, signal, error, stdout, stderr } = spawnSync(engine, ["--run", program], {
    input: JSON.stringify(plan),
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (error !== undefined) throw new Error(`cannot run ${engine}: ${error.message}`);
  if (status !== 0) throw new Error(stderr.trim() || `the measuring program ended by ${signal}`);
  return JSON.parse(stdout);
}
