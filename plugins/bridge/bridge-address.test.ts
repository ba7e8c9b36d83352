import assert from "node:assert/strict";
import test from "node:test";
import { toPrefix } from "../../pkg/cni/addresses.ts";
import { formatPrefix } from "../../pkg/ip/prefix.ts";
import { planAddresses, reversed } from "./bridge-address.ts";

const target = { name: "cni0", failure: "failed to set bridge addr" };

function plan(present: string[], wanted: string[], force = false) {
  const { add, remove } = planAddresses(target, present.map(toPrefix), wanted.map(toPrefix), force);
  return { add: add.map(formatPrefix), remove: remove.map(formatPrefix) };
}

const cases = [
  { what: "adds what is missing", present: [], wanted: ["10.1.0.1/24"], add: ["10.1.0.1/24"] },
  { what: "leaves what is there", present: ["10.1.0.1/24"], wanted: ["10.1.0.1/24"], add: [] },
  {
    what: "lets IPv6 networks live side by side, link-local ones among them",
    present: ["fe80::1/64", "fd00::1/64"],
    wanted: ["fd01::1/64"],
    add: ["fd01::1/64"],
  },
  {
    what: "adds the same gateway once for two ranges",
    present: [],
    wanted: ["10.1.0.1/24", "10.1.0.1/24"],
    add: ["10.1.0.1/24"],
  },
  {
    what: "keeps the families apart",
    present: ["10.1.0.1/24"],
    wanted: ["fd00::1/64"],
    add: ["fd00::1/64"],
  },
];

for (const { what, present, wanted, add } of cases) {
  test(`planAddresses ${what}`, () => {
    assert.deepEqual(plan(present, wanted), { add, remove: [] });
  });
}

const conflicts = [
  { present: ["10.9.0.1/24"], wanted: "10.1.0.1/24" },
  { present: ["10.1.0.1/16"], wanted: "10.1.0.1/24" },
  { present: ["fd00::2/64"], wanted: "fd00::1/64" },
  { present: ["fd00::1/48"], wanted: "fd00::1/64" },
];

for (const { present, wanted } of conflicts) {
  test(`planAddresses refuses ${wanted} beside ${present}, and replaces it by force`, () => {
    const message = `failed to set bridge addr: "cni0" already has an IP address different from ${wanted}`;
    assert.throws(() => plan(present, [wanted]), { message });
    assert.deepEqual(plan(present, [wanted], true), { add: [wanted], remove: present });
  });
}

test("reversed takes a plan back", () => {
  const made = planAddresses(target, [toPrefix("10.9.0.1/24")], [toPrefix("10.1.0.1/24")], true);
  assert.deepEqual(reversed(made), { add: made.remove, remove: made.add });
});
