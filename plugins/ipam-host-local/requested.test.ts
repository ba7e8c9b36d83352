import assert from "node:assert/strict";
import test from "node:test";
import { formatAddress } from "../../pkg/ip/address.ts";
import { readRangeSets } from "../../pkg/ip/range-set.ts";
import { readRequested, refuseLeftOver, takeRequest } from "./requested.ts";

test("requests of all three sources count, each address once", () => {
  const requested = readRequested({
    cniArgs: "10.1.0.9/16",
    args: ["fd00::0:5", "10.1.0.9"],
    runtimeConfig: ["::ffff:10.1.0.7", "fd00::5/64"],
  });
  assert.deepEqual(requested.map(formatAddress), ["10.1.0.9", "fd00::5", "10.1.0.7"]);
});

test("no source, no request", () => {
  assert.deepEqual(readRequested({}), []);
  assert.deepEqual(readRequested({ cniArgs: "", args: [], runtimeConfig: [] }), []);
});

const refused = [
  {
    sources: { cniArgs: "zz" },
    code: 4,
    message: 'ARGS: error parsing value of pair "IP=zz": invalid IP address zz',
  },
  { sources: { args: ["10.1.0.300"] }, code: 7, message: "invalid IP address 10.1.0.300" },
  {
    sources: { runtimeConfig: ["10.1.0.1/33"] },
    code: 7,
    message: "invalid IP address 10.1.0.1/33",
  },
  { sources: { args: [""] }, code: 7, message: "cannot understand ip: IP <nil> not v4 nor v6" },
];

for (const { sources, code, message } of refused) {
  test(`a request is refused: ${message}`, () => {
    assert.throws(() => readRequested(sources), { code, message });
  });
}

test("a set takes the first request that lies in it, the rest is refused", () => {
  const requested = readRequested({ args: ["fd00::5", "10.1.0.7", "10.1.0.8"] });
  const [set = []] = readRangeSets([[{ subnet: "10.1.0.0/24" }]]);
  const taken = takeRequest(requested, set);
  assert.equal(taken && formatAddress(taken), "10.1.0.7");
  assert.throws(() => refuseLeftOver(requested), {
    message: "failed to allocate all requested IPs: fd00::5 10.1.0.8",
  });
});
