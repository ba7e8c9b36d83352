import assert from "node:assert/strict";
import test from "node:test";
import { contains, formatRange, overlaps, type Range, size } from "./range.ts";
import { address } from "./testing/values.ts";

function range(start: string, end: string): Range {
  return { start: address(start), end: address(end) };
}

test("contains() includes both ends and no other family", () => {
  const span = range("10.0.0.2", "10.0.0.9");
  const inside = ["10.0.0.1", "10.0.0.2", "10.0.0.9", "10.0.0.10", "::a00:5"].map((text) =>
    contains(span, address(text)),
  );
  assert.deepEqual(inside, [false, true, true, false, false]);
});

const pairs: readonly [a: Range, b: Range, overlap: boolean][] = [
  [range("10.0.0.1", "10.0.0.5"), range("10.0.0.5", "10.0.0.9"), true],
  [range("10.0.0.1", "10.0.0.4"), range("10.0.0.5", "10.0.0.9"), false],
  [range("10.0.0.1", "10.0.0.9"), range("10.0.0.3", "10.0.0.4"), true],
  [range("0.0.0.0", "255.255.255.255"), range("::", "::ffff"), false],
];
for (const [a, b, overlap] of pairs) {
  test(`overlaps() of ${formatRange(a)} and ${formatRange(b)} is ${overlap}`, () => {
    assert.equal(overlaps(a, b), overlap);
    assert.equal(overlaps(b, a), overlap);
  });
}

test("size() counts both ends, and nothing when they are crossed", () => {
  assert.equal(size(range("10.0.0.1", "10.0.0.1")), 1n);
  assert.equal(size(range("::", "ffff::")), 0xffff_0000_0000_0000_0000_0000_0000_0001n);
  assert.equal(size(range("10.0.0.2", "10.0.0.1")), 0n);
});
