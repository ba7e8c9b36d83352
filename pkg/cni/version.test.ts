import assert from "node:assert/strict";
import test from "node:test";
import { CniError } from "./error.ts";
import {
  atLeast,
  checkVerb,
  compareVersions,
  parseVersion,
  supportedVersions,
  type Version,
  versionReply,
  versionsFrom,
} from "./version.ts";

const read: readonly [text: string, version: Version][] = [
  ["", [0, 1, 0]],
  ["1", [1, 0, 0]],
  ["1.2", [1, 2, 0]],
  ["1.2.3", [1, 2, 3]],
  ["+1.-2.3", [1, -2, 3]],
  ["0.-42.0", [0, -42, 0]],
  ["01.02.03", [1, 2, 3]],
];
for (const [text, version] of read) {
  test(`parseVersion() reads ${JSON.stringify(text)}`, () => {
    assert.deepEqual(parseVersion(text), version);
  });
}

const refused: readonly [text: string, message: string][] = [
  ["1.2.3.4", 'invalid version "1.2.3.4": too many parts'],
  ["1.", 'failed to convert minor version part "": strconv.Atoi: parsing "": invalid syntax'],
  [".1", 'failed to convert major version part "": strconv.Atoi: parsing "": invalid syntax'],
  ["..", 'failed to convert major version part "": strconv.Atoi: parsing "": invalid syntax'],
  ["a", 'failed to convert major version part "a": strconv.Atoi: parsing "a": invalid syntax'],
  ["1.b", 'failed to convert minor version part "b": strconv.Atoi: parsing "b": invalid syntax'],
  ["1.2.c", 'failed to convert micro version part "c": strconv.Atoi: parsing "c": invalid syntax'],
  ["1..3", 'failed to convert minor version part "": strconv.Atoi: parsing "": invalid syntax'],
  [" 1", 'failed to convert major version part " 1": strconv.Atoi: parsing " 1": invalid syntax'],
  ["1 ", 'failed to convert major version part "1 ": strconv.Atoi: parsing "1 ": invalid syntax'],
  [
    "1_0",
    'failed to convert major version part "1_0": strconv.Atoi: parsing "1_0": invalid syntax',
  ],
  [
    "0x1",
    'failed to convert major version part "0x1": strconv.Atoi: parsing "0x1": invalid syntax',
  ],
  ["1.2.3.4.5", 'invalid version "1.2.3.4.5": too many parts'],
  [
    "1.2.3-rc1",
    'failed to convert micro version part "3-rc1": strconv.Atoi: parsing "3-rc1": invalid syntax',
  ],
  ["é", 'failed to convert major version part "é": strconv.Atoi: parsing "é": invalid syntax'],
  ["-", 'failed to convert major version part "-": strconv.Atoi: parsing "-": invalid syntax'],
  ["+", 'failed to convert major version part "+": strconv.Atoi: parsing "+": invalid syntax'],
  [
    "1.1.0\n",
    'failed to convert micro version part "0\\n": strconv.Atoi: parsing "0\\n": invalid syntax',
  ],
];
for (const [text, message] of refused) {
  test(`parseVersion() refuses ${JSON.stringify(text)}`, () => {
    assert.equal(
      outcome(() => parseVersion(text)),
      `6|${message}|`,
    );
  });
}

test("compareVersions() sorts by number, not by text", () => {
  assert.ok(compareVersions("0.10.0", "0.9.0") > 0);
  assert.ok(compareVersions("1", "1.0.0") === 0);
  assert.ok(compareVersions("0.3.1", "0.4") < 0);
  assert.ok(atLeast("1.1.0", "1.1.0"));
  assert.ok(!atLeast("", "0.2.0"));
});

test("versionsFrom() cuts the list of versions", () => {
  assert.deepEqual(versionsFrom("0.4.0"), ["0.4.0", "1.0.0", "1.1.0"]);
  assert.throws(() => versionsFrom("0.5.0"), /unknown CNI version "0.5.0"/);
});

const incompatible = (config: string, supported: string): string =>
  `1|incompatible CNI versions|config is "${config}", plugin supports ${supported}`;
const old = ["0.1.0", "0.2.0"];
const middle = ["0.3.1", "0.4.0"];

const gates: readonly [
  verb: string,
  config: string,
  supported: readonly string[],
  outcome: string,
][] = [
  ["ADD", "1.1.0", supportedVersions, "ok"],
  ["DEL", "0.1.0", supportedVersions, "ok"],
  [
    "ADD",
    "1.0",
    supportedVersions,
    incompatible("1.0", '["0.1.0" "0.2.0" "0.3.0" "0.3.1" "0.4.0" "1.0.0" "1.1.0"]'),
  ],
  ["ADD", "x", old, incompatible("x", '["0.1.0" "0.2.0"]')],
  ["CHECK", "0.4.0", supportedVersions, "ok"],
  ["CHECK", "0.3.1", supportedVersions, "1|config version does not allow CHECK|"],
  ["CHECK", "0.4.0", old, "1|plugin version does not allow CHECK|"],
  ["CHECK", "0.4", middle, incompatible("0.4", '["0.3.1" "0.4.0"]')],
  [
    "CHECK",
    "x",
    middle,
    '6|failed to convert major version part "x": strconv.Atoi: parsing "x": invalid syntax|',
  ],
  ["GC", "1.1.0", supportedVersions, "ok"],
  ["GC", "1.0.0", supportedVersions, "1|config version does not allow GC|"],
  ["GC", "1.1.0", middle, "1|plugin version does not allow GC|"],
  ["STATUS", "1.1.0", supportedVersions, "ok"],
  ["STATUS", "0.4.0", supportedVersions, "1|config version does not allow STATUS|"],
  ["STATUS", "2.0.0", supportedVersions, "1|plugin version does not allow STATUS|"],
];
for (const [verb, config, supported, expected] of gates) {
  test(`${verb} with cniVersion ${config} for a plugin of ${supported}: ${expected}`, () => {
    assert.equal(
      outcome(() => checkVerb(verb, config, supported)),
      expected,
    );
  });
}

test("versionReply() is one line", () => {
  assert.equal(
    versionReply(["0.4.0", "1.0.0"]),
    '{"cniVersion":"1.1.0","supportedVersions":["0.4.0","1.0.0"]}\n',
  );
});

function outcome(act: () => void): string {
  try {
    act();
    return "ok";
  } catch (error) {
    assert.ok(error instanceof CniError);
    return `${error.code}|${error.message}|${error.details ?? ""}`;
  }
}
