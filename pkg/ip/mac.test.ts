import assert from "node:assert/strict";
import test from "node:test";
import { formatMac, parseMac } from "./mac.ts";

/** What Go's net.ParseMAC (1.26) and HardwareAddr.String make of each text. */
const texts: readonly [text: string, canonical: string | undefined][] = [
  ["", undefined],
  ["aa:bb:cc:dd:ee:ff", "aa:bb:cc:dd:ee:ff"],
  ["AA-bb-CC-dd-EE-ff", "aa:bb:cc:dd:ee:ff"],
  ["aabb.ccdd.eeff", "aa:bb:cc:dd:ee:ff"],
  ["aa:bb-cc:dd:ee:ff", undefined],
  ["aa:bb:cc:dd:ee", undefined],
  ["aa:bb:cc:dd:ee:f", undefined],
  ["aa:bb:cc:dd:ee:fff", undefined],
  ["aa:bb:cc:dd:ee:ff:", undefined],
  [":aa:bb:cc:dd:ee:f", undefined],
  ["aa:bb:cc:dd:ee:ff:00", undefined],
  ["aa:bb:cc:dd:ee:ff:00:11", "aa:bb:cc:dd:ee:ff:00:11"],
  ["aabb.ccdd.eeff.0011", "aa:bb:cc:dd:ee:ff:00:11"],
  ["aabb.ccdd.eeff.00", undefined],
  ["aabb.ccdd", undefined],
  ["aabbccddeeff", "aa:bb:cc:dd:ee:ff"],
  ["aa bb cc dd ee ff", undefined],
  ["ga:bb:cc:dd:ee:ff", undefined],
  ["aabb:ccdd:eeff:0011", undefined],
  ["aabb.ccdd:eeff", undefined],
  ["aabb.ccd.eeff0", undefined],
  ["a:b:c:d:e:f", undefined],
  ["00:00:00:00:00:00", "00:00:00:00:00:00"],
  ["é0:00:00:00:00:00", undefined],
  ["00:00:00:00:00:0é", undefined],
  [
    "00:00:00:00:fe:80:00:00:00:00:00:00:02:00:5e:10:00:00:00:01",
    "00:00:00:00:fe:80:00:00:00:00:00:00:02:00:5e:10:00:00:00:01",
  ],
  [
    "0000.0000.fe80.0000.0000.0000.0200.5e10.0000.0001",
    "00:00:00:00:fe:80:00:00:00:00:00:00:02:00:5e:10:00:00:00:01",
  ],
  [
    "00-00-00-00-fe-80-00-00-00-00-00-00-02-00-5e-10-00-00-00-01",
    "00:00:00:00:fe:80:00:00:00:00:00:00:02:00:5e:10:00:00:00:01",
  ],
  ["aa.bb.cc.dd.ee.ff", undefined],
  ["aabb.ccdd.eeff.", undefined],
  ["0.0.0.0.0.0.00", undefined],
  ["aabb-ccdd-eeff", undefined],
  ["0000.5e00.530é", undefined],
  ["aabbccddeeff0", undefined],
];

for (const [text, canonical] of texts) {
  test(`parseMac() ${canonical ? "reads" : "refuses"} ${JSON.stringify(text)}`, () => {
    const mac = parseMac(text);
    assert.equal(mac && formatMac(mac), canonical);
  });
}

test("parseMac() gives the bytes in order", () => {
  assert.deepEqual(parseMac("0A-58-0a-01-00-ff"), new Uint8Array([10, 88, 10, 1, 0, 255]));
});
