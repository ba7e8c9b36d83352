import assert from "node:assert/strict";
import test from "node:test";
import { CniError } from "./error.ts";
import { checkContainerId, checkInterfaceName, checkNetworkName } from "./names.ts";

/** For each name: "ok", or code, message and details of the reference's error. */
type Table = readonly [name: string, outcome: string][];

const containerIds: Table = [
  ["", "3|missing containerID|"],
  ["a", "ok"],
  ["A1._-", "ok"],
  [".a", "4|invalid characters in containerID|.a"],
  ["-a", "4|invalid characters in containerID|-a"],
  ["_a", "4|invalid characters in containerID|_a"],
  ["a b", "4|invalid characters in containerID|a b"],
  ["a\n", "4|invalid characters in containerID|a\n"],
  ["a/b", "4|invalid characters in containerID|a/b"],
  ["é", "4|invalid characters in containerID|é"],
  [
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "ok",
  ],
  ["0", "ok"],
  ["a:b", "4|invalid characters in containerID|a:b"],
  ["a\u0000", "4|invalid characters in containerID|a\u0000"],
];
const networkNames: Table = [
  ["", "7|missing network name:|"],
  ["a", "ok"],
  ["A1._-", "ok"],
  [".a", "7|invalid characters found in network name|.a"],
  ["-a", "7|invalid characters found in network name|-a"],
  ["_a", "7|invalid characters found in network name|_a"],
  ["a b", "7|invalid characters found in network name|a b"],
  ["a\n", "7|invalid characters found in network name|a\n"],
  ["a/b", "7|invalid characters found in network name|a/b"],
  ["é", "7|invalid characters found in network name|é"],
  [
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "ok",
  ],
  ["0", "ok"],
  ["a:b", "7|invalid characters found in network name|a:b"],
  ["a\u0000", "7|invalid characters found in network name|a\u0000"],
];
const interfaceNames: Table = [
  ["", "4|interface name is empty|"],
  [".", "4|interface name is . or ..|"],
  ["..", "4|interface name is . or ..|"],
  ["...", "ok"],
  ["a", "ok"],
  ["aaaaaaaaaaaaaaa", "ok"],
  [
    "aaaaaaaaaaaaaaaa",
    "4|interface name is too long|interface name should be less than 16 characters",
  ],
  ["ééééééé", "ok"],
  ["éééééééé", "4|interface name is too long|interface name should be less than 16 characters"],
  ["日日日日日", "ok"],
  ["日日日日日日", "4|interface name is too long|interface name should be less than 16 characters"],
  ["😀😀😀", "ok"],
  ["😀😀😀😀", "4|interface name is too long|interface name should be less than 16 characters"],
  ["a/b", "4|interface name contains / or : or whitespace characters|"],
  ["a:b", "4|interface name contains / or : or whitespace characters|"],
  ["a b", "4|interface name contains / or : or whitespace characters|"],
  ["a\tb", "4|interface name contains / or : or whitespace characters|"],
  ["a\u0085", "4|interface name contains / or : or whitespace characters|"],
  ["a\u00a0b", "4|interface name contains / or : or whitespace characters|"],
  ["a\u1680", "4|interface name contains / or : or whitespace characters|"],
  ["a\u2003", "4|interface name contains / or : or whitespace characters|"],
  ["a\u2028", "4|interface name contains / or : or whitespace characters|"],
  ["a\u202f", "4|interface name contains / or : or whitespace characters|"],
  ["a\u205f", "4|interface name contains / or : or whitespace characters|"],
  ["a\u3000", "4|interface name contains / or : or whitespace characters|"],
  ["a\ufeffb", "ok"],
  ["a\u200bb", "ok"],
  ["a\u180eb", "ok"],
  ["a\u001cb", "ok"],
  ["a\u0000", "ok"],
  ["a\u000b", "4|interface name contains / or : or whitespace characters|"],
  ["a\f", "4|interface name contains / or : or whitespace characters|"],
  ["a\r", "4|interface name contains / or : or whitespace characters|"],
];

const tables: readonly [check: (name: string) => void, rows: Table][] = [
  [checkContainerId, containerIds],
  [checkNetworkName, networkNames],
  [checkInterfaceName, interfaceNames],
];
for (const [check, rows] of tables) {
  for (const [name, outcome] of rows) {
    test(`${check.name}(${JSON.stringify(name)}): ${outcome}`, () => {
      assert.equal(outcomeOf(check, name), outcome);
    });
  }
}

function outcomeOf(check: (name: string) => void, name: string): string {
  try {
    check(name);
    return "ok";
  } catch (error) {
    assert.ok(error instanceof CniError);
    return `${error.code}|${error.message}|${error.details ?? ""}`;
  }
}
