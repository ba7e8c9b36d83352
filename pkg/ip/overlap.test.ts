import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { findOverlap } from "./overlap.ts";
import { overlaps, type Range } from "./range.ts";

/** As the reference looks for it. */
function eachWithEach(groups: readonly (readonly Range[])[]): [number, number] | undefined {
  for (let first = 0; first < groups.length; first++) {
    for (let second = first + 1; second < groups.length; second++) {
      const found = groups[first]?.some((a) => groups[second]?.some((b) => overlaps(a, b)));
      if (found) return [first, second];
    }
  }
  return undefined;
}

test("the overlap that is found is the one that comparing each with each finds", () => {
  const range = fc.record({
    family: fc.constantFrom<4 | 6>(4, 6),
    from: fc.nat(60),
    length: fc.nat(8),
  });
  const groups = fc.array(fc.array(range, { maxLength: 3 }), { maxLength: 8 });
  fc.assert(
    fc.property(groups, (list) => {
      const ranges = list.map((group) =>
        group.map(({ family, from, length }) => ({
          start: { family, value: BigInt(from) },
          end: { family, value: BigInt(from + length) },
        })),
      );
      assert.deepEqual(findOverlap(ranges), eachWithEach(ranges));
    }),
    { numRuns: 500 },
  );
});
