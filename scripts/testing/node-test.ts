/** Stands in for `node:test` on the engine: collects tests, runs them one after the other, reports failures. */

import { Fd } from "../../pkg/sys/fd.ts";
import { writeAll } from "../../pkg/sys/file.ts";
import { exit } from "../../pkg/sys/process.ts";
import { encode } from "../../pkg/sys/text.ts";

type Body = () => unknown;

interface Options {
  skip?: boolean | string;
}

interface Test {
  name: string;
  body: Body;
  skip: boolean;
}

const tests: Test[] = [];

/** Registers a test; the options may say `skip`. */
// biome-ignore lint/style/noDefaultExport: node:test has one
export default function test(name: string, options: Options | Body, body?: Body): void {
  const given = typeof options === "function" ? {} : options;
  const run = typeof options === "function" ? options : body;
  const skip = given.skip !== undefined && given.skip !== false;
  tests.push({ name, body: run ?? (() => undefined), skip: skip || run === undefined });
}

export { test };

/** Runs what was registered and ends the process: with 1 if anything failed. */
export async function runTests(): Promise<void> {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const [index, { name, body, skip }] of tests.entries()) {
    if (skip) {
      counts.skipped++;
      continue;
    }
    try {
      await body();
      counts.passed++;
    } catch (error) {
      counts.failed++;
      print(`not ok ${index + 1} - ${name}\n${indent(describe(error))}`);
    }
  }
  const skipped = counts.skipped === 0 ? "" : `, ${counts.skipped} skipped`;
  print(`${counts.passed} passed, ${counts.failed} failed${skipped}`);
  exit(counts.failed === 0 ? 0 : 1);
}

function print(line: string): void {
  // Not `using`: standard output stays open.
  writeAll(new Fd(1), encode(`${line}\n`));
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return `thrown: ${String(error)}`;
  return `${String(error)}\n${error.stack ?? ""}`.trimEnd();
}

function indent(text: string): string {
  return text.replace(/^/gm, "  ");
}
