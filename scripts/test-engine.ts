/**
 * Runs the unit tests on the engine, so that what passes on Node is known to hold in the executables too.
 * Arguments narrow the files down: `npm run test:engine -- pkg/ip`.
 */

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { build } from "esbuild";

const root = resolve(import.meta.dirname, "..");
const engine = join(root, "dist/engine/engine");
const output = join(root, "dist/test-engine.js");

function findTests(wanted: readonly string[]): string[] {
  return ["pkg", "plugins", "libcni"]
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

async function bundle(files: readonly string[]): Promise<void> {
  const runner = `import { runTests } from "./scripts/testing/node-test.ts"; globalThis.main = runTests;`;
  const globals = `import "./scripts/testing/missing-globals.ts";`;
  mkdirSync(join(root, "dist"), { recursive: true });
  await build({
    stdin: {
      contents: [globals, ...files.map((file) => `import "./${file}";`), runner].join("\n"),
      resolveDir: root,
      sourcefile: "engine-tests.ts",
      loader: "ts",
    },
    bundle: true,
    outfile: output,
    format: "iife",
    target: "es2023",
    supported: { using: true },
    conditions: ["engine"],
    alias: {
      "node:test": join(root, "scripts/testing/node-test.ts"),
      "node:assert/strict": join(root, "scripts/testing/node-assert.ts"),
    },
    charset: "utf8",
    keepNames: true,
    logLevel: "warning",
  });
}

async function main(): Promise<number> {
  if (!existsSync(engine)) {
    console.error("dist/engine/engine is missing: npx tsx scripts/build-engine.ts makes it");
    return 2;
  }
  const files = findTests(process.argv.slice(2));
  await bundle(files);
  const { status, signal } = spawnSync(engine, ["--run", output], { stdio: "inherit" });
  if (signal !== null) console.error(`the engine ended by ${signal}`);
  console.log(`${files.length} test files on the engine`);
  return status ?? 1;
}

process.exitCode = await main();
