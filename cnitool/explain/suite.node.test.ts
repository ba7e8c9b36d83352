import assert from "node:assert/strict";
import { resolve } from "node:path";
import test from "node:test";
import { findSuite } from "../../scripts/suite.ts";
import { knownTypes } from "../check/chain.ts";
import { explainers } from "./explainers.ts";

const suite = findSuite(resolve(import.meta.dirname, "../.."));

test("every plugin of the suite can be explained: cnitool/explain/explainers.ts", () => {
  const types = suite.filter(({ isIpam }) => !isIpam).map(({ name }) => name);
  assert.deepEqual(Object.keys(explainers).sort(), types.sort());
});

test("validate knows every plugin of the suite: cnitool/check/chain.ts", () => {
  assert.deepEqual([...knownTypes].sort(), suite.map(({ name }) => name).sort());
});
