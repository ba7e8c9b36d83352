import assert from "node:assert/strict";
import test from "node:test";
import { toPrefix } from "../cni/addresses.ts";
import { linkLocalRequests } from "./link-local.ts";

const own = ["set address fe80::ff:fe00:1/64 on cni0"];

const cases = [
  { what: "beside a gateway of IPv6", gateways: ["10.1.0.1/24", "fd00::1/64"], requests: own },
  { what: "not beside one of IPv4", gateways: ["10.1.0.1/24"], requests: [] },
  {
    what: "not where there is one",
    gateways: ["fd00::1/64"],
    present: ["fe80::1/64"],
    requests: [],
  },
  { what: "not where the gateway is one", gateways: ["fd00::1/64", "fe80::1/128"], requests: [] },
  {
    what: "whatever there is of IPv4",
    gateways: ["fd00::1/64"],
    present: ["169.254.0.1/16"],
    requests: own,
  },
];

for (const { what, gateways, present = [], requests } of cases) {
  test(`linkLocalRequests(): ${what}`, () => {
    const link = { index: 7, name: "cni0", mac: "02:00:00:00:00:01" };
    const made = linkLocalRequests(link, gateways.map(toPrefix), present.map(toPrefix));
    assert.deepEqual(
      made.map(({ purpose }) => purpose),
      requests,
    );
  });
}
