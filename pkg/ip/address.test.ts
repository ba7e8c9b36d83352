import assert from "node:assert/strict";
import test from "node:test";
import {
  canonicalAddress,
  compareAddresses,
  formatAddress,
  fromBytes,
  isGlobalUnicast,
  isLinkLocal,
  isLoopback,
  isMulticast,
  isUnspecified,
  offset,
  parseAddress,
  sameAddress,
  toBytes,
} from "./address.ts";
import { address } from "./testing/values.ts";

/** What Go's net.ParseIP and IP.String make of each text. */
const texts: readonly [text: string, canonical: string | undefined][] = [
  ["", undefined],
  ["0", undefined],
  ["1.2.3.4", "1.2.3.4"],
  ["01.2.3.4", undefined],
  ["1.02.3.4", undefined],
  ["1.2.3.04", undefined],
  ["00.0.0.0", undefined],
  ["0.0.0.0", "0.0.0.0"],
  ["255.255.255.255", "255.255.255.255"],
  ["256.1.1.1", undefined],
  ["1.2.3", undefined],
  ["1.2.3.", undefined],
  [".1.2.3", undefined],
  ["1..2.3", undefined],
  ["1.2.3.4.", undefined],
  ["1.2.3.4.5", undefined],
  ["1.2.3.4 ", undefined],
  [" 1.2.3.4", undefined],
  ["1.2.3.a", undefined],
  ["0x1.2.3.4", undefined],
  ["1.2.3.4%eth0", undefined],
  ["1.2.3.1000", undefined],
  ["127.0.0.1", "127.0.0.1"],
  ["127.255.0.1", "127.255.0.1"],
  ["128.0.0.1", "128.0.0.1"],
  ["224.0.0.1", "224.0.0.1"],
  ["239.255.255.255", "239.255.255.255"],
  ["240.0.0.0", "240.0.0.0"],
  ["169.254.1.1", "169.254.1.1"],
  ["169.253.1.1", "169.253.1.1"],
  ["::", "::"],
  [":::", undefined],
  ["1::", "1::"],
  ["::1", "::1"],
  ["::1:2:3:4:5:6:7", "0:1:2:3:4:5:6:7"],
  ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
  ["1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"],
  ["::1:2:3:4:5:6:7:8", undefined],
  ["1:2:3:4:5:6:7:8::", undefined],
  ["1::2:3:4:5:6:7:8", undefined],
  ["1:2:3:4:5:6:7", undefined],
  ["1:2:3:4:5:6:7:8:9", undefined],
  [":1", undefined],
  ["1:", undefined],
  [":1:2:3:4:5:6:7:8", undefined],
  ["1:2:3:4:5:6:7:8:", undefined],
  ["::1::", undefined],
  ["1::2::3", undefined],
  ["12345::", undefined],
  ["0000::", "::"],
  ["00000::", undefined],
  ["1:0000:0000:1::", "1:0:0:1::"],
  ["FE80::ABCD", "fe80::abcd"],
  ["fe80::1%eth0", undefined],
  ["fe80::1%", undefined],
  ["%eth0", undefined],
  ["::ffff:1.2.3.4", "1.2.3.4"],
  ["::FFFF:1.2.3.4", "1.2.3.4"],
  ["::ffff:102:304", "1.2.3.4"],
  ["0:0:0:0:0:ffff:1.2.3.4", "1.2.3.4"],
  ["0:0:0:0:0:ffff:0102:0304", "1.2.3.4"],
  ["::1.2.3.4", "::102:304"],
  ["::ffff:0:1.2.3.4", "::ffff:0:102:304"],
  ["64:ff9b::1.2.3.4", "64:ff9b::102:304"],
  ["1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"],
  ["1:2:3:4:5:1.2.3.4", undefined],
  ["1:2:3:4:5:6:7:1.2.3.4", undefined],
  ["::1.2.3", undefined],
  ["::1.2.3.4:5", undefined],
  ["::01.2.3.4", undefined],
  ["::1.2.3.4.", undefined],
  ["1.2.3.4::", undefined],
  ["1.2.3.4:5", undefined],
  ["::1:2:3:4:5:6:1.2.3.4", undefined],
  ["::2:3:4:5:6:1.2.3.4", "0:2:3:4:5:6:102:304"],
  ["1::2:3:4:5:6:1.2.3.4", undefined],
  ["::12345.1.1.1", undefined],
  ["::1234.1.1.1", undefined],
  ["::a.1.1.1", undefined],
  ["::ffff:256.1.1.1", undefined],
  ["g::", undefined],
  ["1:::2", undefined],
  ["::g", undefined],
  ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
  ["1:0:0:2:0:0:3:4", "1::2:0:0:3:4"],
  ["0:1:0:1:0:1:0:1", "0:1:0:1:0:1:0:1"],
  ["1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"],
  ["ff02::1", "ff02::1"],
  ["fe7f::", "fe7f::"],
  ["febf::1", "febf::1"],
  ["fec0::1", "fec0::1"],
  ["ff::", "ff::"],
  ["::127.0.0.1", "::7f00:1"],
  ["::ffff:127.0.0.1", "127.0.0.1"],
  ["::ffff:255.255.255.255", "255.255.255.255"],
  ["１.2.3.4", undefined],
  ["é::", undefined],
  ["::ffff:", undefined],
  ["::ffff:1.2.3.4%1", undefined],
  ["0:0:0:0:0:0:0:0", "::"],
  ["1:2:3:4::5:6:7:8", undefined],
  ["1:2:3::5:6:7:8", "1:2:3:0:5:6:7:8"],
  ["::0001", "::1"],
  ["0:0::0:0", "::"],
  ["2001:db8::/32", undefined],
  ["::\u0000", undefined],
  ["+1::", undefined],
  ["-1.2.3.4", undefined],
];

for (const [text, canonical] of texts) {
  test(`parseAddress() ${canonical ? `reads ${JSON.stringify(text)}` : `refuses ${JSON.stringify(text)}`}`, () => {
    const address = parseAddress(text);
    assert.equal(address && formatAddress(address), canonical);
    assert.equal(canonicalAddress(text), canonical);
  });
}

test("parseAddress() takes a mapped address for the IPv4 one", () => {
  assert.deepEqual(parseAddress("::ffff:1.2.3.4"), { family: 4, value: 0x01020304n });
});

const bytes = [
  { text: "10.1.2.255", wire: [10, 1, 2, 255] },
  { text: "2001:db8::ff01", wire: [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 1] },
];
for (const { text, wire } of bytes) {
  test(`toBytes() and fromBytes() agree about ${text}`, () => {
    assert.deepEqual(toBytes(address(text)), new Uint8Array(wire));
    assert.deepEqual(fromBytes(new Uint8Array(wire)), address(text));
  });
}

test("fromBytes() keeps sixteen bytes IPv6 even when they are mapped", () => {
  const mapped = fromBytes(new Uint8Array([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 1, 2, 3, 4]));
  assert.equal(mapped.family, 6);
  assert.equal(formatAddress(mapped), "::ffff:1.2.3.4");
});

test("fromBytes() refuses other lengths", () => {
  assert.throws(() => fromBytes(new Uint8Array(5)), /cannot read an address from 5 bytes/);
});

test("compareAddresses() sorts IPv4 before IPv6, then by value", () => {
  const sorted = ["0.0.0.0", "9.0.0.0", "10.0.0.0", "::", "::1", "ff::"];
  const shuffled = ["::1", "10.0.0.0", "::", "0.0.0.0", "ff::", "9.0.0.0"].map(address);
  assert.deepEqual(shuffled.sort(compareAddresses).map(formatAddress), sorted);
});

test("sameAddress() tells the families apart", () => {
  assert.ok(sameAddress(address("::2"), address("0::2")));
  assert.ok(!sameAddress(address("0.0.0.2"), address("::2")));
});

const steps: readonly [from: string, n: bigint, to: string | undefined][] = [
  ["10.0.0.255", 1n, "10.0.1.0"],
  ["10.0.1.0", -1n, "10.0.0.255"],
  ["255.255.255.255", 1n, undefined],
  ["0.0.0.0", -1n, undefined],
  ["::ffff:ffff", 1n, "::1:0:0"],
  ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1n, undefined],
  ["::", -1n, undefined],
];
for (const [from, n, to] of steps) {
  test(`offset() of ${from} by ${n} is ${to}`, () => {
    const moved = offset(address(from), n);
    assert.equal(moved && formatAddress(moved), to);
  });
}

/** As net.IP's methods of these names answer. */
const kinds: readonly [text: string, kind: string][] = [
  ["0.0.0.0", "unspecified"],
  ["::", "unspecified"],
  ["127.0.0.1", "loopback"],
  ["127.255.255.255", "loopback"],
  ["::1", "loopback"],
  ["::127.0.0.1", "global"],
  ["224.0.0.1", "multicast"],
  ["239.255.255.255", "multicast"],
  ["240.0.0.1", "global"],
  ["ff02::1", "multicast"],
  ["169.254.0.1", "linkLocal"],
  ["169.253.255.255", "global"],
  ["fe80::1", "linkLocal"],
  ["febf::1", "linkLocal"],
  ["fec0::1", "global"],
  ["255.255.255.255", "none"],
  ["10.0.0.1", "global"],
  ["fd00::1", "global"],
  ["::2", "global"],
];
for (const [text, kind] of kinds) {
  test(`${text} is ${kind}`, () => {
    const it = address(text);
    assert.deepEqual(
      [isUnspecified(it), isLoopback(it), isMulticast(it), isLinkLocal(it), isGlobalUnicast(it)],
      ["unspecified", "loopback", "multicast", "linkLocal", "global"].map((name) => name === kind),
    );
  });
}
