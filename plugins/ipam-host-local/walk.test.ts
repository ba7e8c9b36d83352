import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { type Address, formatAddress, parseAddress } from "../../pkg/ip/address.ts";
import { parseSpan } from "../../pkg/ip/exclude.ts";
import { type RangeConfig, type RangeSet, readRangeSets } from "../../pkg/ip/range-set.ts";
import { walk } from "./walk.ts";

function setOf(...configs: RangeConfig[]): RangeSet {
  return readRangeSets([configs])[0] ?? [];
}

function setWithout(exclude: readonly string[], ...configs: RangeConfig[]): RangeSet {
  const spans = exclude.flatMap((text) => parseSpan(text) ?? []);
  return readRangeSets([configs], { exclude: spans })[0] ?? [];
}

function order(set: RangeSet, last?: string): string {
  const names: string[] = [];
  for (const { address } of walk(set, last === undefined ? undefined : parseAddress(last))) {
    names.push(formatAddress(address).replace("10.1.", ""));
  }
  return names.join(" ");
}

const small = { subnet: "10.1.0.0/29", gateway: "10.1.0.3" };
const two = setOf(
  { subnet: "10.1.0.0/29", rangeStart: "10.1.0.1", rangeEnd: "10.1.0.3", gateway: "10.1.0.3" },
  { subnet: "10.1.1.0/29", rangeStart: "10.1.1.4", rangeEnd: "10.1.1.6" },
);

const cases = [
  {
    name: "starts at the beginning",
    set: setOf(small),
    last: undefined,
    order: "0.1 0.2 0.4 0.5 0.6",
  },
  {
    name: "goes on behind the last one, which comes last",
    set: setOf(small),
    last: "10.1.0.4",
    order: "0.5 0.6 0.1 0.2 0.4",
  },
  { name: "wraps at the end", set: setOf(small), last: "10.1.0.6", order: "0.1 0.2 0.4 0.5 0.6" },
  {
    name: "passes the gateway even behind it",
    set: setOf(small),
    last: "10.1.0.3",
    order: "0.4 0.5 0.6 0.1 0.2",
  },
  {
    name: "ignores a last one of elsewhere",
    set: setOf(small),
    last: "10.9.0.1",
    order: "0.1 0.2 0.4 0.5 0.6",
  },
  { name: "enters the next range", set: two, last: "10.1.0.1", order: "0.2 1.4 1.5 1.6 0.1" },
  {
    name: "skips what is excluded",
    set: setWithout(["10.1.0.1", "10.1.0.4-10.1.0.5"], small),
    last: "10.1.0.4",
    order: "0.6 0.2",
  },
  {
    name: "comes back to the first range",
    set: two,
    last: "10.1.1.5",
    order: "1.6 0.1 0.2 1.4 1.5",
  },
];

for (const { name, set, last, order: expected } of cases) {
  test(`the walk ${name}`, () => assert.equal(order(set, last), expected));
}

test("the walk through a huge range costs as much as is taken of it", () => {
  const set = setOf({ subnet: "fd00::/64" });
  const [first] = walk(set, parseAddress("fd00::ffff:ffff:ffff:ffff"));
  assert.equal(first && formatAddress(first.address), "fd00::2");
});

test("the walk skips a huge hole in one step", () => {
  const set = setWithout(["fd00::-fd00::ffff:ffff:ffff:fff0"], { subnet: "fd00::/64" });
  const [first] = walk(set);
  assert.equal(first && formatAddress(first.address), "fd00::ffff:ffff:ffff:fff1");
});

/** The reference's iterator, one step at a time. */
function* stepByStep(set: RangeSet, last: Address | undefined): Generator<string> {
  const text = (family: 4 | 6, value: bigint) => formatAddress({ family, value });
  let index = last
    ? set.findIndex(({ start, end }) => start.value <= last.value && last.value <= end.value)
    : -1;
  let current = index < 0 ? undefined : last?.value;
  let first: bigint | undefined;
  if (index < 0) index = 0;
  for (;;) {
    const range = set[index];
    if (!range) return;
    if (current === undefined) current = range.start.value;
    else if (current === range.end.value) {
      index = (index + 1) % set.length;
      current = set[index]?.start.value ?? 0n;
    } else current++;
    if (first === undefined) first = current;
    else if (current === first) return;
    if (current !== set[index]?.gateway.value) yield text(4, current);
  }
}

test("the walk is the reference's, whatever the ranges", () => {
  const range = fc.record({
    third: fc.nat(3),
    from: fc.integer({ min: 1, max: 6 }),
    length: fc.nat(5),
    gateway: fc.integer({ min: 1, max: 6 }),
  });
  const ranges = fc.uniqueArray(range, {
    minLength: 1,
    maxLength: 4,
    selector: ({ third }) => third,
  });
  fc.assert(
    fc.property(ranges, fc.nat(3), fc.nat(7), (list, third, fourth) => {
      const set = setOf(
        ...list.map(({ third, from, length, gateway }) => ({
          subnet: `10.1.${third}.0/29`,
          rangeStart: `10.1.${third}.${from}`,
          rangeEnd: `10.1.${third}.${Math.min(from + length, 6)}`,
          gateway: `10.1.${third}.${gateway}`,
        })),
      );
      const last = parseAddress(`10.1.${third}.${fourth}`);
      const walked = Array.from(walk(set, last), ({ address }) => formatAddress(address));
      assert.deepEqual(walked, [...stepByStep(set, last)]);
    }),
  );
});
