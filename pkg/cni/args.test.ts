import assert from "node:assert/strict";
import test from "node:test";
import { findCniArg, parseCniArgs } from "./args.ts";
import { CniError, ErrorCode } from "./error.ts";

const known = ["IP", "MAC"];

const read: readonly [text: string, args: Record<string, string>][] = [
  ["", {}],
  ["IP=1", { IP: "1" }],
  ["IP=1;MAC=2", { IP: "1", MAC: "2" }],
  ["IP=", { IP: "" }],
  ["FOO=1;IgnoreUnknown=1", {}],
  ["IgnoreUnknown=TRUE;FOO=1", {}],
  ["IgnoreUnknown=False", {}],
  ["IP=1;IP=2", { IP: "2" }],
  ["K8S_POD_NAME=a;IgnoreUnknown=1;IP=3", { IP: "3" }],
  ["IP= 1", { IP: " 1" }],
];
for (const [text, args] of read) {
  test(`parseCniArgs() reads ${JSON.stringify(text)}`, () => {
    assert.deepEqual(parseCniArgs(text, known), args);
  });
}

/** The reference's words; it has others only for CommonArgs, a name that reaches into its own structures. */
const refused: readonly [text: string, message: string][] = [
  [";", 'ARGS: invalid pair ""'],
  ["=", 'ARGS: unknown args ["="]'],
  ["a", 'ARGS: invalid pair "a"'],
  ["IP=1;", 'ARGS: invalid pair ""'],
  [";IP=1", 'ARGS: invalid pair ""'],
  ["ip=1", 'ARGS: unknown args ["ip=1"]'],
  ["IP=1=2", 'ARGS: invalid pair "IP=1=2"'],
  ["=x", 'ARGS: unknown args ["=x"]'],
  ["FOO=1", 'ARGS: unknown args ["FOO=1"]'],
  ["FOO=1;BAR=2", 'ARGS: unknown args ["FOO=1" "BAR=2"]'],
  ["IgnoreUnknown=0;FOO=1", 'ARGS: unknown args ["FOO=1"]'],
  [
    "IgnoreUnknown=yes",
    'ARGS: error parsing value of pair "IgnoreUnknown=yes": boolean unmarshal error: invalid input yes',
  ],
  [
    "IgnoreUnknown=YES",
    'ARGS: error parsing value of pair "IgnoreUnknown=YES": boolean unmarshal error: invalid input yes',
  ],
  [
    "IgnoreUnknown=",
    'ARGS: error parsing value of pair "IgnoreUnknown=": boolean unmarshal error: invalid input ',
  ],
  ["IGNOREUNKNOWN=1", 'ARGS: unknown args ["IGNOREUNKNOWN=1"]'],
  ["IgnoreUnknown=1;IgnoreUnknown=0;X=1", 'ARGS: unknown args ["X=1"]'],
  ['A="x"', 'ARGS: unknown args ["A=\\"x\\""]'],
  ["IP =1", 'ARGS: unknown args ["IP =1"]'],
  ["a;b=c", 'ARGS: invalid pair "a"'],
  ["X=1;bad", 'ARGS: invalid pair "bad"'],
  ["X=é\n", 'ARGS: unknown args ["X=é\\n"]'],
  [
    "IgnoreUnknown=x;bad",
    'ARGS: error parsing value of pair "IgnoreUnknown=x": boolean unmarshal error: invalid input x',
  ],
  ["CommonArgs=1", 'ARGS: unknown args ["CommonArgs=1"]'],
];
for (const [text, message] of refused) {
  test(`parseCniArgs() refuses ${JSON.stringify(text)}`, () => {
    assert.throws(
      () => parseCniArgs(text, known),
      (error) =>
        error instanceof CniError &&
        error.code === ErrorCode.invalidEnvironment &&
        error.message === message,
    );
  });
}

test("one key is found without being known", () => {
  const text = "IgnoreUnknown=1;K8S_POD_NAME=web-0;A=;K8S_POD_NAME=web-1";
  assert.equal(findCniArg(text, "K8S_POD_NAME"), "web-1");
  assert.equal(findCniArg(text, "POD_NAME"), "");
  assert.equal(findCniArg(text, "A"), "");
  assert.equal(findCniArg("", "A"), "");
});
