/** Lists of blocks' names: what is written is read again, and in few lines. */

import assert from "node:assert/strict";
import test from "node:test";
import { headOf, readNames, writeNames } from "./list.ts";

test("a list has its modules' names by kind, with the numbers behind the first of each", () => {
  const list = `# a comment

pkg/ip/mac.ts
 code formatMac 2:-
 in 0-2,5:parse/<eval>/
-
 name 0:1:2 eth0
`;
  assert.deepEqual(readNames(list), [
    "pkg/ip/mac.ts code formatMac 0",
    "pkg/ip/mac.ts code - 2",
    ...[0, 1, 2, 5].map((count) => `pkg/ip/mac.ts in parse/<eval>/ ${count}`),
    "- name 1:2 0",
    "- name eth0 0",
  ]);
});

test("the head of a list ends before the section of a title", () => {
  const list = "# all\n\n# one\n-\n name a\n\n# one two\n name b\n";
  assert.deepEqual(readNames(headOf(list, "one two")), ["- name a 0"]);
  assert.deepEqual(readNames(headOf(list, "one")), []);
  assert.throws(() => headOf(list, "two"), /no section "two" in the list/);
});

test("a function of which everything is listed stands there once", () => {
  const names = ["function", "code", "variables"].map((kind) => `pkg/a.ts ${kind} run 1`);
  const list = writeNames([...names, "pkg/a.ts code later 0"]);
  assert.equal(list, "pkg/a.ts\n all 1:run\n code later\n");
  assert.deepEqual(readNames(list).sort(), [...names, "pkg/a.ts code later 0"].sort());
});

test("names of one module come together where its first one is, and none gets lost", () => {
  const names = Array.from({ length: 2000 }, (_, n) => {
    const kind = ["in", "name", "fields"][n % 3];
    return `pkg/${n % 7}.ts ${kind} ${"x".repeat(n % 11)}${n % 5}: ${n}`;
  });
  const list = writeNames(names);
  assert.deepEqual(readNames(list).sort(), [...names].sort());
  assert.ok(list.split("\n").every((line) => line.length <= 120));
  const modules = list.split("\n").filter((line) => line !== "" && !line.startsWith(" "));
  assert.deepEqual(
    modules,
    [0, 1, 2, 3, 4, 5, 6].map((n) => `pkg/${n}.ts`),
  );
});
