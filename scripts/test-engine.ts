/**
 * Runs the unit tests on the engine, so that what passes on Node is known to hold in the executables too.
 * Arguments narrow the files down: `npm run test:engine -- pkg/ip`.
 */

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { withPlainPatterns } from "./plain-patterns.ts";
import { plainSource } from "./plain-source.ts";

const root = resolve(import.meta.dirname, "..");
const engine = join(root, "dist/engine/engine");
/** As in what is built, but for private names: that nobody reaches them from outside is tested here. */
const plain = plainSource(root, withPlainPatterns);

function findTests(wanted: readonly string[]): string[] {
  return ["pkg", "plugins", "libcni", "cnitool"]
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map(
        (file) => `${folder}/${file}`,
      ),
    )
    .filter((file) => file.endsWith(".test.ts") && !file.endsWith(".node.test.ts"))
    .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
    .sort();
}

/** Each file is a program of its own, as it is a process of its own on Node: tests may move namespace or block signals. */
async function bundle(file: string, output: string): Promise<string> {
  const outfile = join(output, file.replaceAll("/", "-").replace(/\.test\.ts$/, ".js"));
  const entry = [
    `import "./scripts/testing/missing-globals.ts";`,
    `import "./${file}";`,
    `import { runTests } from "./scripts/testing/node-test.ts";`,
    `globalThis.main = runTests;`,
  ];
  await build({
    stdin: { contents: entry.join("\n"), resolveDir: root, sourcefile: "entry.ts", loader: "ts" },
    bundle: true,
    outfile,
    format: "iife",
    target: "es2023",
    supported: { using: true },
    conditions: ["engine"],
    alias: {
      "node:test": join(root, "scripts/testing/node-test.ts"),
      "node:assert/strict": join(root, "scripts/testing/node-assert.ts"),
    },
    plugins: [plain],
    charset: "utf8",
    keepNames: true,
    logLevel: "warning",
  });
  return outfile;
}

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** Runs one program; prints what it says only when it failed. */
function run(file: string, program: string): Counts {
  const { status, signal, stdout, stderr } = spawnSync(engine, ["--run", program], {
    encoding: "utf8",
    timeout: 120_000,
    killSignal: "SIGKILL",
  });
  const [, passed, failed, skipped] =
    /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\n$/m.exec(stdout) ?? [];
  const counts = {
    passed: Number(passed ?? 0),
    failed: Number(failed ?? 0),
    skipped: Number(skipped ?? 0),
  };
  if (status === 0 && passed !== undefined) return counts;
  const ending = signal === null ? "" : `ended by ${signal}\n`;
  console.log(`${file}\n${stdout}${stderr}${ending}`);
  return { ...counts, failed: Math.max(1, counts.failed) };
}

async function main(): Promise<number> {
  if (!existsSync(engine)) {
    console.error("dist/engine/engine is missing: npx tsx scripts/build-engine.ts makes it");
    return 2;
  }
  const files = findTests(process.argv.slice(2));
  const output = mkdtempSync(join(tmpdir(), "engine-tests-"));
  const total: Counts = { passed: 0, failed: 0, skipped: 0 };
  try {
    const programs = await Promise.all(files.map((file) => bundle(file, output)));
    for (const [index, file] of files.entries()) {
      const { passed, failed, skipped } = run(file, programs[index] ?? "");
      total.passed += passed;
      total.failed += failed;
      total.skipped += skipped;
    }
  } finally {
    rmSync(output, { recursive: true });
  }
  const { passed, failed, skipped } = total;
  console.log(
    `engine: ${passed} passed, ${failed} failed, ${skipped} skipped in ${files.length} files`,
  );
  return files.length > 0 && total.failed === 0 ? 0 : 1;
}

process.exitCode = await main();
