import assert from "node:assert/strict";
import test from "node:test";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { compareBytes, printSorted } from "./json-print.ts";
import { decodeExact, placeOf, readTree } from "./json-tree.ts";

const printed: [string, string][] = [
  [`{"b": 1, "a": {"d": [], "c": null}}`, `{"a":{"c":null,"d":[]},"b":1}`],
  [`"<a> & b"`, String.raw`"\u003ca\u003e \u0026 b"`],
  [`[1.0, 1e3, 1e21, 0.000001, 1e-7]`, `[1,1000,1e+21,0.000001,1e-7]`],
  [
    `{"a": 9007199254740993, "b": -12345678901234567890}`,
    `{"a":9007199254740993,"b":-12345678901234567890}`,
  ],
  [`[1e400]`, `[1e400]`],
  [`{"a": "x", "n": 9007199254740993, "a": "y"}`, `{"a":"y","n":9007199254740993}`],
  [String.raw`{"q\"}{": 1234567890123456789}`, String.raw`{"q\"}{":1234567890123456789}`],
];

for (const [text, expected] of printed) {
  test(`${text} is printed as Go prints a map, large numbers whole`, () => {
    assert.equal(printSorted(decodeExact(text)), expected);
  });
}

test("keys are sorted by their bytes, not by UTF-16 units", () => {
  assert.equal(
    printSorted({ "\u{10000}": 1, "\uffee": 2, ab: 3, a: 4 }),
    `{"a":4,"ab":3,"\uffee":2,"\u{10000}":1}`,
  );
  assert.equal(compareBytes("a", "a"), 0);
});

test("a tree knows where its values are", () => {
  const text = `{\n  "a": [1, {"ä": true}],\n  "a": null\n}`;
  const tree = readTree(text);
  assert.ok(tree.kind === "object");
  assert.deepEqual(
    tree.members.map(({ key, keyStart }) => [key, placeOf(text, keyStart)]),
    [
      ["a", { line: 2, column: 3 }],
      ["a", { line: 3, column: 3 }],
    ],
  );
  const list = tree.members[0]?.value;
  assert.ok(list?.kind === "list");
  assert.equal(text.slice(list.start, list.end), `[1, {"ä": true}]`);
  assert.deepEqual(placeOf(text, list.items[1]?.end ?? 0), { line: 2, column: 23 });
});

test("what nests too deep is refused", () => {
  const text = `${"[".repeat(1500)}1234567890123456789${"]".repeat(1500)}`;
  assert.throws(() => decodeExact(text), { message: "exceeded max depth" });
});

test("base64 goes both ways", () => {
  for (const [plain, coded] of [
    ["", ""],
    ["f", "Zg=="],
    ["fo", "Zm8="],
    ["foo", "Zm9v"],
    ["\xfb\xff\xfe", "+//+"],
  ] as const) {
    const bytes = Uint8Array.from(plain, (character) => character.charCodeAt(0));
    assert.equal(encodeBase64(bytes), coded);
    assert.deepEqual([...(decodeBase64(coded) ?? [])], [...bytes]);
  }
  for (const bad of ["Zg", "Z===", "Zm9v!", "Zg==Zg=="]) assert.equal(decodeBase64(bad), undefined);
});
