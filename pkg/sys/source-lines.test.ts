import assert from "node:assert/strict";
import test from "node:test";
import { encodeLines, mapStack } from "./source-lines.ts";

// Made by esbuild 0.28 of two files: a.ts has an interface above its function, entry.ts imports it.
const map = JSON.stringify({
  version: 3,
  sources: ["../../pkg/a.ts", "../../entry.ts"],
  // Lines 1 and 2: nothing. 3 to 5: a.ts 6 to 8. 6: nothing. 7: entry.ts 3. 8: entry.ts 2, two things on it.
  mappings: ";;AAKO;AACL;AACF;;ACLA;ADAA,KCDA",
});

test("a stack names the sources' lines", () => {
  const lines = encodeLines(map);
  assert.equal(
    mapStack("    at first (main.js:3:5)\n    at second (main.js:5:1)\n", lines),
    "    at first (pkg/a.ts:6)\n    at second (pkg/a.ts:8)\n",
  );
});

test("a line without an origin, one past the end and a native function stay as they are", () => {
  const lines = encodeLines(map);
  const stack = "    at f (main.js:1:5)\n    at g (main.js:99:5)\n    at map (native)\n";
  assert.equal(mapStack(stack, lines), stack);
});

test("another file begins a new run", () => {
  assert.equal(
    mapStack("at <anonymous> (main.js:7)", encodeLines(map)),
    "at <anonymous> (entry.ts:3)",
  );
});

test("without a table a stack stays as it is", () => {
  assert.equal(mapStack("at f (main.js:3:5)", ""), "at f (main.js:3:5)");
});
