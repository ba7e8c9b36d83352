import assert from "node:assert/strict";
import test from "node:test";
import * as v from "valibot";
import { foldKeys } from "./config.ts";
import { cidr, commonEntries, integer, mtuEntries, route } from "./field.ts";
import { prepare, readQuickly, unsure } from "./quick-reader.ts";

const schema = v.object({
  ...commonEntries,
  ...mtuEntries,
  subnet: v.optional(cidr),
  isGateway: v.optional(v.boolean(), false),
  trunk: v.optional(v.array(v.unknown()), []),
  mode: v.optional(v.picklist(["bridge", "private"]), "bridge"),
  vlan: v.optional(integer(0, 4094), 0),
  routes: v.optional(v.array(route)),
  sysctl: v.optional(v.record(v.string(), v.string())),
  args: v.optional(
    v.object({ cni: v.optional(v.object({ ips: v.optional(v.array(v.string())) })) }),
  ),
});

prepare(schema);
const read = (json: unknown) => readQuickly(schema, json);

const right: Record<string, unknown>[] = [
  { name: "n" },
  { name: "n", cniVersion: "1.0.0", type: "bridge", isGateway: true, vlan: 7, mtu: 1500 },
  { name: "n", mtu: "auto", subnet: "10.1.0.0/16", mode: "private", trunk: [1, { a: null }] },
  {
    name: "n",
    ipam: { type: "x", more: [1], deep: { a: 1 } },
    capabilities: { a: true },
    toString: 1,
  },
  { name: "n", ipam: null, args: { cni: { ips: ["1"], other: 1 }, labels: [] } },
  { name: "n", routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0", gw: "fd00::1", mtu: 9000 }] },
  { name: "n", sysctl: { "net.ipv4.x": "1", Mode: "2" } },
  { name: "n", sysctl: {} },
  { name: "n", dns: { nameservers: ["1.1.1.1"], search: [] } },
];

for (const json of right) {
  test(`readQuickly reads ${JSON.stringify(json)} as the library does`, () => {
    assert.deepEqual(read(json), v.parse(schema, foldKeys(schema, json)));
  });
}

const doubtful: unknown[] = [
  {},
  { name: 1 },
  { name: null },
  { name: "n", ISGATEWAY: true },
  { name: "n", isGateway: "yes" },
  { name: "n", vlan: 4095 },
  { name: "n", vlan: 1.5 },
  { name: "n", vlan: -1 },
  { name: "n", mtu: "huge" },
  { name: "n", mode: "vepa" },
  { name: "n", subnet: "10.1.0.0" },
  { name: "n", trunk: {} },
  { name: "n", routes: [{}] },
  { name: "n", routes: [null] },
  { name: "n", ipam: [] },
  { name: "n", ipam: { Type: "x" } },
  { name: "n", args: { cni: { ips: [1] } } },
  { name: "n", args: [] },
  { name: "n", args: ["1"] },
  { name: "n", args: { cni: [] } },
  { name: "n", sysctl: { a: 1 } },
  { name: "n", sysctl: { a: null } },
  { name: "n", sysctl: { constructor: "1" } },
  { name: "n", sysctl: ["1"] },
  JSON.parse('{ "name": "n", "__proto__": { "isGateway": true } }'),
  [],
  null,
  "n",
];

for (const json of doubtful) {
  test(`readQuickly leaves ${JSON.stringify(json)} to the library`, () => {
    assert.equal(read(json), unsure);
  });
}

test("readQuickly leaves a kind of schema it does not know to the library", () => {
  const withDate = v.object({ a: v.optional(v.date()) });
  prepare(withDate);
  assert.equal(readQuickly(withDate, { a: "1" }), unsure);
  const pipe = v.pipe(v.string(), v.transform(Number));
  assert.equal(readQuickly(pipe, "1"), unsure);
});
