import assert from "node:assert/strict";
import test from "node:test";
import * as v from "valibot";
import { toAddress, toPrefix } from "../../pkg/cni/addresses.ts";
import type { Result } from "../../pkg/cni/result.ts";
import { formatAddress } from "../../pkg/ip/address.ts";
import { formatPrefix } from "../../pkg/ip/prefix.ts";
import { type Route, RouteScope } from "../../pkg/netlink/rtnetlink/route.ts";
import { sbrEntries, sourcesOf, staticGateways } from "./config.ts";
import { assignTables, isFrom, planFor } from "./plan.ts";

const config = (keys: object = {}) => v.parse(v.object(sbrEntries), keys);

const source = (prefix: string, gateway?: string) => ({
  prefix: toPrefix(prefix),
  gateway: gateway === undefined ? undefined : toAddress(gateway),
});

const result: Result = {
  cniVersion: "1.1.0",
  interfaces: [{ name: "br0" }, { name: "eth0", sandbox: "/x" }, { name: "eth1", sandbox: "/x" }],
  ips: [
    { address: "10.1.0.2/24", gateway: "10.1.0.1", interface: 1 },
    { address: "10.2.0.2/24", gateway: "10.2.0.1", interface: 2 },
    { address: "fd00::2/64" },
    { address: "10.3.0.2/24", interface: 9 },
  ],
  routes: [
    { dst: "10.0.0.0/8", gw: "10.1.0.9" },
    { dst: "::/0", gw: "fd00::1" },
  ],
};

test("sourcesOf() takes the interface's addresses, each with its own gateway or the default route's", () => {
  const shown = sourcesOf(config(), result, "eth0").map(({ prefix, gateway }) => [
    formatPrefix(prefix),
    gateway && formatAddress(gateway),
  ]);
  assert.deepEqual(shown, [
    ["10.1.0.2/24", "10.1.0.1"],
    ["fd00::2/64", "fd00::1"],
    ["10.3.0.2/24", undefined],
  ]);
});

test("sourcesOf() prefers the configuration's gateways", () => {
  const [first] = sourcesOf(config({ gateways: ["10.1.0.7"] }), result, "eth0");
  assert.equal(first?.gateway && formatAddress(first.gateway), "10.1.0.7");
});

test("sourcesOf() refuses an interface without addresses", () => {
  const message = /^Error: No IP addresses supplied on interface: eth0$/;
  assert.throws(() => sourcesOf(config(), { cniVersion: "1.1.0" }, "eth0"), message);
});

for (const [gateways, message] of [
  [["1.1.1.1", "::1", "::2"], /cannot contain more than 2 entries \(one IPv4, one IPv6\)/],
  [["1.1.1.1/24"], /invalid static gateway IP address: 1.1.1.1\/24/],
  [["1.1.1.1", "1.1.1.2"], /contains multiple IPv4 addresses: 1.1.1.1 and 1.1.1.2/],
  [["::1", "::2"], /contains multiple IPv6 addresses: ::1 and ::2/],
] as const) {
  test(`staticGateways() refuses ${gateways.join(", ")}`, () => {
    assert.throws(() => staticGateways(config({ gateways })), message);
  });
}

test("assignTables() gives both families one table, and another gateway another", () => {
  const sources = [
    source("10.1.0.2/24", "10.1.0.1"),
    source("fd00::2/64", "fd00::1"),
    source("10.2.0.2/24", "10.2.0.1"),
    source("10.1.0.3/24", "10.1.0.1"),
  ];
  const tables = (used: number[]) => assignTables(sources, new Set(used)).map((it) => it.table);
  assert.deepEqual(tables([]), [100, 100, 101, 100]);
  assert.deepEqual(tables([100, 102, 254]), [101, 101, 103, 101]);
  const all = Array.from({ length: 153 }, (_, place) => 100 + place);
  assert.deepEqual(tables(all), [256, 256, 257, 256]);
});

const routes: Route[] = [
  { destination: toPrefix("0.0.0.0/0"), gateway: toAddress("10.1.0.1"), index: 2, table: 254 },
  {
    destination: toPrefix("10.1.0.0/24"),
    source: toAddress("10.1.0.2"),
    index: 2,
    table: 254,
    scope: RouteScope.link,
  },
  { destination: toPrefix("10.9.0.0/24"), gateway: toAddress("10.8.0.1"), index: 2, table: 254 },
  { destination: toPrefix("fd00::/64"), index: 2, table: 254 },
  { destination: toPrefix("fe80::/64"), index: 2, table: 254 },
];

function planned(keys: { addSourceHints: boolean; rulePriority?: number }) {
  const sources = [source("10.1.0.2/24", "10.1.0.1"), source("fd00::2/64")];
  const plan = planFor(2, assignTables(sources, new Set()), routes, keys);
  const show = (list: readonly Route[]) =>
    list.map(({ destination, table }) => `${formatPrefix(destination)} ${table ?? ""}`.trim());
  return { ...plan, shown: [show(plan.routes), show(plan.moved), show(plan.hints)] };
}

test("planFor() moves what is for the addresses, the links first, and not what is link-local", () => {
  const { shown, rules } = planned({ addSourceHints: false, rulePriority: 7 });
  assert.deepEqual(shown, [
    ["10.1.0.0/24 100", "fd00::/64 100", "0.0.0.0/0 100"],
    ["0.0.0.0/0 254", "10.1.0.0/24 254", "fd00::/64 254"],
    [],
  ]);
  assert.deepEqual(
    rules.map(({ from, table, priority }) => [from && formatPrefix(from), table, priority]),
    [
      ["10.1.0.2/32", 100, 7],
      ["fd00::2/128", 100, 7],
    ],
  );
});

test("planFor() with hints leaves the link's route to the hint that takes its place", () => {
  const { shown, originals } = planned({ addSourceHints: true });
  assert.deepEqual(shown[1], ["0.0.0.0/0 254", "fd00::/64 254"]);
  assert.deepEqual(shown[2], ["10.1.0.0/24", "fd00::/64"]);
  assert.equal(originals.length, 3);
});

test("isFrom() knows rules that ask for more, or for another prefix", () => {
  const address = toAddress("10.1.0.2");
  const rule = { family: 4, from: toPrefix("10.1.0.2/32"), table: 100, action: 1 } as const;
  assert.ok(isFrom(rule, address));
  assert.ok(!isFrom({ ...rule, from: toPrefix("10.1.0.2/24") }, address));
  assert.ok(!isFrom({ ...rule, to: toPrefix("10.0.0.0/8") }, address));
  assert.ok(!isFrom({ ...rule, inLink: "eth0" }, address));
  assert.ok(!isFrom({ ...rule, action: 6 }, address));
});
