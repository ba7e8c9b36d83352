/** Names of blocks, and what of an image goes to its front. */

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import test from "node:test";
import { frontOf, listedOf, readBlocks } from "./blocks.ts";
import { readNames } from "./list.ts";

const table = `0 34359738368 1744 0 in 
3 34359740112 40 0 name add
7 34359740152 40 0 name del
9 34359740192 232 1 code add
10 34359740424 56 3 in object/<eval>/
11 34359740480 56 4 in object/<eval>/
15 34359740536 56 2 in object/<eval>/
`;
const sources = ["pkg/a.ts", undefined, "pkg/b.ts", "pkg/b.ts"];

test("a block is known by its module, its kind, its text and its place among the like", () => {
  const blocks = readBlocks(table, sources);
  assert.deepEqual(
    blocks.map(({ name }) => name),
    [
      "- in - 0",
      "- name add 0",
      "- name del 0",
      "pkg/a.ts code add 0",
      "pkg/b.ts in object/<eval>/ 0",
      "pkg/b.ts in object/<eval>/ 1",
      "- in object/<eval>/ 0",
    ],
  );
  assert.deepEqual(blocks[3], {
    number: 9,
    address: 34359740192,
    size: 232,
    name: "pkg/a.ts code add 0",
  });
});

test("the entry of every program has one name", () => {
  const [block] = readBlocks("5 8 16 1 in main/\n", ["bridge.entry.ts"]);
  assert.equal(block?.name, "entry in main/ 0");
});

test("the front has what is listed in the list's order, then all names", () => {
  const names = ["pkg/b.ts in object/<eval>/ 1", "pkg/gone.ts code run 0", "- name del 0"];
  const blocks = readBlocks(table, sources);
  assert.deepEqual(frontOf(names, blocks), [11, 7, 3, 7]);
  assert.deepEqual(listedOf(names, blocks), [11, 7]);
});

const bundles = resolve(import.meta.dirname, "../../dist/bundles");
const built = existsSync(bundles)
  ? readdirSync(bundles).filter((file) => file.endsWith(".blocks"))
  : [];

test("most of hot.txt is in what has been built: else `npm run hot`", {
  skip: built.length < 20 && "the suite is not built",
}, () => {
  const found = new Set<string>();
  for (const file of built) {
    const lines = readFileSync(join(bundles, file.replace("blocks", "sources")), "utf8").split(
      "\n",
    );
    for (const { name } of readBlocks(readFileSync(join(bundles, file), "utf8"), lines)) {
      found.add(name);
    }
  }
  const names = readNames(readFileSync(join(import.meta.dirname, "hot.txt"), "utf8"));
  const known = names.filter((name) => found.has(name)).length;
  assert.ok(names.length > 5000 && known > 0.7 * names.length, `${known} of ${names.length} names`);
});
