import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { holesOf, parseSpan } from "./exclude.ts";
import { formatRange } from "./range.ts";

const spans = [
  { text: "10.1.0.5", span: "10.1.0.5-10.1.0.5" },
  { text: "10.1.0.70/26", span: "10.1.0.64-10.1.0.127" },
  { text: "10.1.0.10-10.1.0.20", span: "10.1.0.10-10.1.0.20" },
  { text: "10.1.0.10 - 10.1.0.10", span: "10.1.0.10-10.1.0.10" },
  { text: "fd00::/126", span: "fd00::-fd00::3" },
];

for (const { text, span } of spans) {
  test(`"${text}" is ${span}`, () => {
    const parsed = parseSpan(text);
    assert.equal(parsed && formatRange(parsed), span);
  });
}

for (const text of [
  "",
  "10.1.0",
  "10.1.0.0/33",
  "10.1.0.9-10.1.0.8",
  "10.1.0.1-fd00::1",
  "10.1.0.1-10.1.0.2-10.1.0.3",
  "10.1.0.1-",
]) {
  test(`"${text}" is no span`, () => assert.equal(parseSpan(text), undefined));
}

test("the holes of a range are what a list of its addresses would lack", () => {
  const part = fc.record({ from: fc.nat(40), length: fc.nat(6) });
  const spanOf = ({ from, length }: { from: number; length: number }) => ({
    start: { family: 4 as const, value: BigInt(from) },
    end: { family: 4 as const, value: BigInt(from + length) },
  });
  fc.assert(
    fc.property(part, fc.array(part, { maxLength: 6 }), (whole, parts) => {
      const range = spanOf({ from: whole.from, length: whole.length + 15 });
      const excluded = parts.map(spanOf);
      const holes = holesOf(range, excluded);
      const covered = new Set<bigint>();
      for (const { start, end } of holes) {
        for (let value = start.value; value <= end.value; value++) covered.add(value);
      }
      for (let value = range.start.value; value <= range.end.value; value++) {
        const expected = excluded.some(
          ({ start, end }) => start.value <= value && value <= end.value,
        );
        assert.equal(covered.has(value), expected);
        covered.delete(value);
      }
      assert.equal(covered.size, 0);
      holes.forEach((hole, at) => {
        const next = holes[at + 1];
        assert.ok(!next || hole.end.value + 1n < next.start.value);
      });
    }),
  );
});
