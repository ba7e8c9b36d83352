import assert from "node:assert/strict";
import test from "node:test";
import { parseDuration, readFlags } from "./flags.ts";

test("durations as Go writes them", () => {
  for (const [text, ms] of [
    ["10s", 10_000],
    ["1m30s", 90_000],
    ["1.5h", 5_400_000],
    ["250ms", 250],
    ["0", 0],
    ["3m28s", 208_000],
  ] as const) {
    assert.equal(parseDuration(text), ms);
  }
  for (const text of ["", "10", "s", "-1s", "1d", "1s ", "1s2"]) {
    assert.equal(parseDuration(text), undefined);
  }
});

test("flags with one dash or two, with = or behind a blank", () => {
  const known = { path: "text", wait: "duration", loud: "boolean" } as const;
  assert.deepEqual(readFlags(["-path", "/a", "--wait=2s", "-loud"], known), {
    path: "/a",
    wait: 2_000,
    loud: true,
  });
  assert.deepEqual(readFlags(["--loud=false", "--path=a=b"], known), { loud: false, path: "a=b" });
  assert.equal(readFlags(["-path"], known), "flag needs an argument: -path");
  assert.equal(readFlags(["-other"], known), "flag provided but not defined: -other");
  assert.equal(readFlags(["-wait", "x"], known), 'invalid value "x" for flag -wait');
  assert.equal(readFlags(["-loud=maybe"], known), 'invalid value "maybe" for flag -loud');
  assert.equal(readFlags(["word"], known), 'unexpected argument "word"');
  assert.equal(readFlags(["-help"], known), "");
});
