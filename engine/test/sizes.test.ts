/** What has been built stays within its size; nothing is built for it. */

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import test from "node:test";

const folder = resolve(import.meta.dirname, "../../dist/bin");

/** Bytes: for one program, and for the multicall file, which is linked under many names. */
const most = { single: 2 << 20, multicall: 4 << 20 };

function executables(): string[] {
  if (!existsSync(folder)) return [];
  const paths = readdirSync(folder).map((name) => join(folder, name));
  return paths.filter((path) => statSync(path).isFile());
}

/** By the last 64 bytes (engine/README.md). */
function isMuslBuild(path: string): boolean {
  return /^tscni 1 \S+ musl /.test(readFileSync(path).subarray(-64).toString("latin1"));
}

const built = executables().filter(isMuslBuild);

test("every executable in dist/bin keeps to its size", {
  skip: built.length === 0 && "nothing is built against musl",
}, () => {
  for (const path of built) {
    const { size, nlink } = statSync(path);
    const limit = nlink > 1 ? most.multicall : most.single;
    assert.ok(size <= limit, `${path} has ${size} bytes, which is more than ${limit}`);
  }
});
