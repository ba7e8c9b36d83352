import assert from "node:assert/strict";
import test from "node:test";
import { CniError } from "../../pkg/cni/error.ts";
import { portVlans, type TrunkEntry, trunkSpans, wantsFiltering } from "./vlans.ts";

const native = (from: number) => ({ from, pvid: true, untagged: true });

const unions: [entries: TrunkEntry[], spans: [from: number, to: number][]][] = [
  [[], []],
  [[{}], []],
  [[{ id: 7 }], [[7, 7]]],
  [
    [{ minID: 10, maxID: 20, id: 5 }, { id: 15 }],
    [
      [5, 5],
      [10, 20],
    ],
  ],
  [[{ minID: 30, maxID: 40 }, { minID: 20, maxID: 31 }, { id: 41 }], [[20, 41]]],
  [
    [
      { minID: 1, maxID: 4094 },
      { minID: 2, maxID: 3 },
    ],
    [[1, 4094]],
  ],
];

for (const [entries, spans] of unions) {
  test(`trunkSpans makes ${JSON.stringify(spans)} of ${JSON.stringify(entries)}`, () => {
    assert.deepEqual(
      trunkSpans(entries).map(({ from, to }) => [from, to]),
      spans,
    );
  });
}

const refused: [entry: TrunkEntry, message: string][] = [
  [{ minID: 0, maxID: 5 }, "incorrect trunk minID parameter"],
  [{ minID: 4095, maxID: 4096 }, "incorrect trunk minID parameter"],
  [{ minID: 5, maxID: 0 }, "incorrect trunk maxID parameter"],
  [{ minID: 5, maxID: 4095 }, "incorrect trunk maxID parameter"],
  [{ minID: 9, maxID: 8 }, "minID is greater than maxID in trunk parameter"],
  [{ maxID: 8 }, "minID and maxID should be configured simultaneously, minID is missing"],
  [{ minID: 8, id: 0 }, "minID and maxID should be configured simultaneously, maxID is missing"],
  [{ id: 0 }, "incorrect trunk id parameter"],
  [{ id: 4095 }, "incorrect trunk id parameter"],
];

for (const [entry, message] of refused) {
  test(`trunkSpans refuses ${JSON.stringify(entry)}`, () => {
    assert.throws(
      () => trunkSpans([{ id: 1 }, entry]),
      (error) => error instanceof CniError && error.code === 7 && error.message === message,
    );
  });
}

test("portVlans has one native VLAN, which the trunk does not tag", () => {
  const of = (vlan: number, ...vlanTrunk: TrunkEntry[]) =>
    portVlans({ vlan, vlanTrunk, preserveDefaultVlan: false });
  assert.deepEqual(of(0), []);
  assert.deepEqual(of(5), [native(5)]);
  assert.deepEqual(of(5, { id: 7 }), [native(5), { from: 7, to: 7 }]);
  assert.deepEqual(of(0, { id: 7 }), [native(1), { from: 7, to: 7 }]);
  assert.deepEqual(of(0, { minID: 1, maxID: 3 }), [native(1), { from: 2, to: 3 }]);
  assert.deepEqual(of(5, { id: 5 }), [native(5)]);
  const split = [native(5), { from: 4, to: 4 }, { from: 6, to: 9 }];
  assert.deepEqual(of(5, { minID: 4, maxID: 9 }), split);
});

test("wantsFiltering: an empty trunk is enough", () => {
  const keys = { vlan: 0, preserveDefaultVlan: true };
  assert.equal(wantsFiltering(keys), false);
  assert.equal(wantsFiltering({ ...keys, vlanTrunk: [] }), true);
  assert.equal(wantsFiltering({ ...keys, vlan: 1 }), true);
});
