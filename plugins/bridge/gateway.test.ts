import assert from "node:assert/strict";
import test from "node:test";
import * as v from "valibot";
import { formatPrefix } from "../../pkg/ip/prefix.ts";
import { readConfig } from "../../pkg/skel/config.ts";
import { commonEntries } from "../../pkg/skel/field.ts";
import { type BridgeConfig, bridgeEntries } from "./config.ts";
import { bridgeAddresses, withGateways } from "./gateway.ts";

function configOf(keys: object): BridgeConfig {
  return readConfig(v.object({ ...commonEntries, ...bridgeEntries }), { name: "n", ...keys });
}

const cases = [
  {
    what: "leaves the answer as it is for a bridge that is no gateway",
    keys: {},
    ips: [{ address: "10.1.0.5/24" }],
    routes: [{ dst: "10.2.0.0/16" }],
    want: { ips: [{ address: "10.1.0.5/24" }], routes: [{ dst: "10.2.0.0/16" }] },
  },
  {
    what: "takes the network's first address where IPAM names no gateway",
    keys: { isGateway: true },
    ips: [{ address: "10.1.0.5/24" }, { address: "fd00::5/64", gateway: "fd00::ff" }],
    want: {
      ips: [
        { address: "10.1.0.5/24", gateway: "10.1.0.1" },
        { address: "fd00::5/64", gateway: "fd00::ff" },
      ],
      routes: [],
    },
  },
  {
    what: "adds one default route for each family",
    keys: { isDefaultGateway: true },
    ips: [
      { address: "10.1.0.5/24", gateway: "10.1.0.1" },
      { address: "10.3.0.5/24", gateway: "10.3.0.1" },
      { address: "fd00::5/64", gateway: "fd00::1" },
    ],
    want: {
      ips: [
        { address: "10.1.0.5/24", gateway: "10.1.0.1" },
        { address: "10.3.0.5/24", gateway: "10.3.0.1" },
        { address: "fd00::5/64", gateway: "fd00::1" },
      ],
      routes: [
        { dst: "0.0.0.0/0", gw: "10.1.0.1" },
        { dst: "::/0", gw: "fd00::1" },
      ],
    },
  },
  {
    what: "adds no second default route, also where the first has no next hop",
    keys: { isDefaultGateway: true },
    ips: [{ address: "10.1.0.5/24", gateway: "10.1.0.1" }],
    routes: [{ dst: "0.0.0.0/0" }],
    want: {
      ips: [{ address: "10.1.0.5/24", gateway: "10.1.0.1" }],
      routes: [{ dst: "0.0.0.0/0" }],
    },
  },
];

for (const { what, keys, ips, routes, want } of cases) {
  test(`withGateways ${what}`, () => {
    assert.deepEqual(withGateways(configOf(keys), { ips, routes }), want);
  });
}

test("withGateways refuses a network that has no address for a gateway", () => {
  const last = "255.255.255.255/32";
  assert.throws(
    () => withGateways(configOf({ isGateway: true }), { ips: [{ address: last }] }),
    /cannot derive a gateway of 255\.255\.255\.255\/32: no address left/,
  );
});

test("bridgeAddresses gives each gateway its network's prefix length", () => {
  const ips = [
    { address: "10.1.0.5/24", gateway: "10.1.0.1" },
    { address: "fd00::5/64", gateway: "fd00::1" },
    { address: "10.9.0.5/24" },
  ];
  const texts = (keys: object) => bridgeAddresses(configOf(keys), ips).map(formatPrefix);
  assert.deepEqual(texts({ isGateway: true }), ["10.1.0.1/24", "fd00::1/64"]);
  assert.deepEqual(texts({ isDefaultGateway: true }), ["10.1.0.1/24", "fd00::1/64"]);
  assert.deepEqual(texts({}), []);
});
