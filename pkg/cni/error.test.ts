import assert from "node:assert/strict";
import test from "node:test";
import { CniError, ErrorCode, errorText, printError } from "./error.ts";

const printed: readonly [error: CniError, version: string | undefined, text: string][] = [
  [
    new CniError(ErrorCode.invalidConfig, "a <b>", 'd "e"\nf'),
    undefined,
    '{\n    "code": 7,\n    "msg": "a \\u003cb\\u003e",\n    "details": "d \\"e\\"\\nf"\n}',
  ],
  [new CniError(999, "x", ""), "", '{\n    "code": 999,\n    "msg": "x"\n}'],
  [
    new CniError(ErrorCode.tryAgainLater, "x"),
    "1.0.0",
    '{\n    "cniVersion": "1.0.0",\n    "code": 11,\n    "msg": "x"\n}',
  ],
];
for (const [error, version, text] of printed) {
  test(`printError() of code ${error.code} for version ${version}`, () => {
    assert.equal(printError(error, version), text);
  });
}

test("errorText() appends the details", () => {
  assert.equal(errorText(new CniError(7, "a", "b")), "a; b");
  assert.equal(errorText(new CniError(7, "a")), "a");
});
