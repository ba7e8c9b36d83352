import assert from "node:assert/strict";
import test from "node:test";
import { formatAddress, parseAddress } from "./address.ts";
import { parseSpan } from "./exclude.ts";
import {
  capacity,
  describeRangeSet,
  offeringRange,
  type RangeConfig,
  rangeOf,
  readRangeSets,
} from "./range-set.ts";

const complete = [
  {
    config: { subnet: "10.1.0.0/24" },
    span: "10.1.0.1-10.1.0.254",
    gateway: "10.1.0.1",
    size: 253n,
  },
  { config: { subnet: "10.1.0.0/30" }, span: "10.1.0.1-10.1.0.2", gateway: "10.1.0.1", size: 1n },
  { config: { subnet: "fd00::/126" }, span: "fd00::1-fd00::3", gateway: "fd00::1", size: 2n },
  {
    config: { subnet: "fd00::/64" },
    span: "fd00::1-fd00::ffff:ffff:ffff:ffff",
    gateway: "fd00::1",
    size: (1n << 64n) - 2n,
  },
  {
    config: {
      subnet: "10.1.0.0/24",
      rangeStart: "10.1.0.0",
      rangeEnd: "10.1.0.9",
      gateway: "10.1.0.5",
    },
    span: "10.1.0.0-10.1.0.9",
    gateway: "10.1.0.5",
    size: 9n,
  },
  {
    config: { subnet: "10.1.0.0/24", rangeStart: "", rangeEnd: "10.1.0.9", gateway: "192.0.2.1" },
    span: "10.1.0.1-10.1.0.9",
    gateway: "192.0.2.1",
    size: 9n,
  },
  {
    config: { subnet: "10.1.0.0/24", gateway: "fd00::1" },
    span: "10.1.0.1-10.1.0.254",
    gateway: "fd00::1",
    size: 254n,
  },
];

for (const { config, span, gateway, size } of complete) {
  test(`a range of ${JSON.stringify(config)} is completed`, () => {
    const [set = []] = readRangeSets([[config]]);
    assert.equal(describeRangeSet(set), span);
    assert.equal(set[0] && formatAddress(set[0].gateway), gateway);
    assert.equal(capacity(set), size);
  });
}

const v4 = (third: number): RangeConfig => ({ subnet: `10.1.${third}.0/24` });

// The messages but the last are those of the reference's executable.
const refused: { configs: RangeConfig[][]; message: string }[] = [
  { configs: [], message: "no IP ranges specified" },
  { configs: [[]], message: "invalid range set 0: empty range set" },
  { configs: [[v4(0)], [{}]], message: "invalid range set 1: IP <nil> not v4 nor v6" },
  {
    configs: [[{ subnet: "10.1.0.0/31" }]],
    message: "invalid range set 0: Network 10.1.0.0/31 too small to allocate from",
  },
  {
    configs: [[{ subnet: "fd00::/127" }]],
    message: "invalid range set 0: Network fd00::/127 too small to allocate from",
  },
  {
    configs: [[{ subnet: "::ffff:10.4.0.0/120" }]],
    message: "invalid range set 0: IPNet IP and Mask version mismatch",
  },
  {
    configs: [[{ subnet: "10.1.0.1/24" }]],
    message:
      "invalid range set 0: Network has host bits set. For a subnet mask of length 24 the network address is 10.1.0.0",
  },
  {
    configs: [[{ ...v4(0), rangeStart: "10.2.0.1" }]],
    message: "invalid range set 0: RangeStart 10.2.0.1 not in network 10.1.0.0/24",
  },
  {
    configs: [[{ ...v4(0), rangeStart: "fd00::1" }]],
    message: "invalid range set 0: RangeStart fd00::1 not in network 10.1.0.0/24",
  },
  {
    configs: [[{ ...v4(0), rangeEnd: "10.2.0.1" }]],
    message: "invalid range set 0: RangeEnd 10.2.0.1 not in network 10.1.0.0/24",
  },
  {
    configs: [[{ ...v4(0), rangeEnd: "10.1.0.0" }]],
    message: "invalid range set 0: RangeEnd 10.1.0.0 not in network 10.1.0.0/24",
  },
  {
    configs: [[{ ...v4(0), rangeStart: "10.1.0.9", rangeEnd: "10.1.0.8" }]],
    message: "invalid range set 0: RangeStart 10.1.0.9 not in network 10.1.0.0/24",
  },
  {
    configs: [[v4(0), { subnet: "10.1.0.0/16" }]],
    message: "invalid range set 0: subnets 10.1.0.1-10.1.0.254 and 10.1.0.1-10.1.255.254 overlap",
  },
  {
    configs: [[v4(0), { subnet: "fd00::/64" }]],
    message: "invalid range set 0: mixed address families",
  },
  {
    configs: [[v4(1)], [v4(0)], [{ subnet: "10.1.0.0/16" }]],
    message: "range set 0 overlaps with 2",
  },
  {
    configs: [[{ subnet: "10.5.0.0/24", rangeStart: "10.5.0.255" }]],
    message: "invalid range set 0: RangeStart 10.5.0.255 is behind 10.5.0.254, the last address",
  },
];

for (const { configs, message } of refused) {
  test(`range sets are refused: ${message}`, () => {
    assert.throws(() => readRangeSets(configs), { message });
  });
}

test("an old version takes one set of each family", () => {
  const dual = [[v4(0), v4(1)], [{ subnet: "fd00::/64" }]];
  assert.equal(readRangeSets(dual, { singleVersion: "0.2.0" }).length, 2);
  assert.throws(() => readRangeSets([...dual, [v4(2)]], { singleVersion: "0.2.0" }), {
    message: "CNI version 0.2.0 does not support more than 1 address per family",
  });
});

test("ranges of one subnet may lie side by side", () => {
  const [set = []] = readRangeSets([
    [
      { ...v4(0), rangeEnd: "10.1.0.9" },
      { ...v4(0), rangeStart: "10.1.0.20" },
    ],
  ]);
  assert.equal(describeRangeSet(set), "10.1.0.1-10.1.0.9,10.1.0.20-10.1.0.254");
  const inGap = parseAddress("10.1.0.10");
  const inSecond = parseAddress("10.1.0.20");
  assert.equal(inGap && rangeOf(set, inGap), undefined);
  assert.equal(inSecond && rangeOf(set, inSecond), set[1]);
});

test("what is excluded is not counted", () => {
  const exclude = ["10.1.0.0/28", "10.1.0.10-10.1.0.20", "fd00::5", "10.9.0.0/16"].flatMap(
    (text) => parseSpan(text) ?? [],
  );
  const [four = [], six = []] = readRangeSets([[v4(0)], [{ subnet: "fd00::/120" }]], { exclude });
  assert.equal(capacity(four), 254n - 20n);
  assert.equal(capacity(six), 253n);
  const at = (text: string) => parseAddress(text) ?? assert.fail(text);
  assert.equal(offeringRange(four, at("10.1.0.20")), undefined);
  assert.equal(offeringRange(four, at("10.1.0.21")), four[0]);
  assert.equal(offeringRange(four, at("10.9.0.1")), undefined);
});

test("ten thousand ranges, and as many sets, are checked in a moment", () => {
  const ranges = Array.from({ length: 10_000 }, (_, i) => ({
    subnet: `10.${i >> 8}.${i & 255}.0/28`,
  }));
  assert.equal(readRangeSets([ranges])[0]?.length, 10_000);
  assert.equal(readRangeSets(ranges.map((range) => [range])).length, 10_000);
  ranges.push({ subnet: "10.30.7.0/28" });
  assert.throws(() => readRangeSets([ranges]), {
    message: "invalid range set 0: subnets 10.30.7.1-10.30.7.14 and 10.30.7.1-10.30.7.14 overlap",
  });
});
