import assert from "node:assert/strict";
import test from "node:test";
import { containerRoutes, hostRequests } from "./point-to-point.ts";

const end = { index: 7, name: "veth0", mac: "02:00:00:00:00:01" };
const purposes = (requests: readonly { readonly purpose: string }[]) =>
  requests.map(({ purpose }) => purpose);

test("the container reaches its gateway directly and its network through it", () => {
  const ips = [
    { address: "10.1.0.5/24", gateway: "10.1.0.1" },
    { address: "fd00::5/64", gateway: "fd00::1" },
  ];
  assert.deepEqual(purposes(containerRoutes(2, ips)), [
    "add route 10.1.0.1/32",
    "add route 10.1.0.0/24 via 10.1.0.1",
    "add route fd00::1/128",
    "add route fd00::/64 via fd00::1",
  ]);
});

test("two addresses of one network share its routes", () => {
  const ips = [
    { address: "10.1.0.5/24", gateway: "10.1.0.1" },
    { address: "10.1.0.6/24", gateway: "10.1.0.1" },
  ];
  assert.equal(containerRoutes(2, ips).length, 2);
  assert.deepEqual(purposes(hostRequests(end, ips)), [
    "add address 10.1.0.1/32 on veth0",
    "add route 10.1.0.5/32",
    "add route 10.1.0.6/32",
  ]);
});

test("a gateway of IPv6 has a link-local address from the start, and needs no second one", () => {
  const ips = [{ address: "fd00::5/64", gateway: "fd00::1" }];
  assert.deepEqual(purposes(hostRequests(end, ips)), [
    "set address fe80::ff:fe00:1/64 on veth0",
    "add address fd00::1/128 on veth0",
    "add route fd00::5/128",
  ]);
  assert.deepEqual(purposes(hostRequests(end, [{ address: "fd00::5/64", gateway: "fe80::1" }])), [
    "add address fe80::1/128 on veth0",
    "add route fd00::5/128",
  ]);
});

test("an address of full length has no network to route to", () => {
  const ips = [{ address: "10.1.0.5/32", gateway: "10.9.0.1" }];
  assert.deepEqual(purposes(containerRoutes(2, ips)), ["add route 10.9.0.1/32"]);
});

test("an address without a gateway is refused", () => {
  assert.throws(
    () => containerRoutes(2, [{ address: "10.1.0.5/24" }]),
    /no gateway for 10\.1\.0\.5\/24/,
  );
});
