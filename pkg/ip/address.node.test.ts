import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { IPv4, IPv4CidrRange, IPv6, IPv6CidrRange } from "ip-num";
import { type Address, formatAddress, fromBytes, parseAddress, toBytes } from "./address.ts";
import { formatMac, parseMac } from "./mac.ts";
import {
  contains,
  formatPrefix,
  lastAddress,
  network,
  type Prefix,
  parsePrefix,
} from "./prefix.ts";

const v4 = fc.bigInt(0n, (1n << 32n) - 1n);
/** Groups of zeros are what RFC 5952 is about, so make them likely. */
const v6 = fc
  .array(fc.oneof(fc.constant(0n), fc.bigInt(0n, 0xffffn)), { minLength: 8, maxLength: 8 })
  .map((groups) => groups.reduce((value, group) => (value << 16n) | group, 0n))
  .filter((value) => value >> 32n !== 0xffffn);
const address: fc.Arbitrary<Address> = fc.oneof(
  v4.map((value) => ({ family: 4 as const, value })),
  v6.map((value) => ({ family: 6 as const, value })),
);
const prefix: fc.Arbitrary<Prefix> = address.chain((it) =>
  fc.nat(it.family === 4 ? 32 : 128).map((length) => ({ address: it, length })),
);

test("an address survives text and bytes", () => {
  fc.assert(
    fc.property(address, (it) => {
      assert.deepEqual(parseAddress(formatAddress(it)), it);
      assert.deepEqual(fromBytes(toBytes(it)), it);
    }),
  );
});

test("a text means the value that ip-num reads in it", () => {
  fc.assert(
    fc.property(address, (it) => {
      const oracle = it.family === 4 ? new IPv4(it.value) : new IPv6(it.value);
      assert.deepEqual(parseAddress(oracle.toString()), it);
      const text = formatAddress(it);
      if (it.family === 4) assert.equal(new IPv4(text).getValue(), it.value);
      else assert.equal(IPv6.fromString(text).getValue(), it.value);
    }),
  );
});

test("a prefix has ip-num's first and last address", () => {
  fc.assert(
    fc.property(prefix, (it) => {
      const cidr = formatPrefix(it);
      const oracle =
        it.address.family === 4 ? IPv4CidrRange.fromCidr(cidr) : IPv6CidrRange.fromCidr(cidr);
      assert.equal(network(it).address.value, oracle.getFirst().getValue());
      assert.equal(lastAddress(it).value, oracle.getLast().getValue());
    }),
  );
});

test("a prefix survives its text and contains its own ends", () => {
  fc.assert(
    fc.property(prefix, (it) => {
      assert.deepEqual(parsePrefix(formatPrefix(it)), it);
      assert.ok(contains(it, it.address));
      assert.ok(contains(it, network(it).address));
      assert.ok(contains(it, lastAddress(it)));
    }),
  );
});

test("any text is read or refused, and what is read has one canonical text", () => {
  const text = fc.string({ unit: fc.constantFrom(..."0123456789abcF:./%-"), maxLength: 40 });
  fc.assert(
    fc.property(text, (it) => {
      const found = parseAddress(it);
      if (found) assert.deepEqual(parseAddress(formatAddress(found)), found);
      const net = parsePrefix(it);
      if (net) assert.deepEqual(parsePrefix(formatPrefix(net)), net);
      const mac = parseMac(it);
      if (mac) assert.deepEqual(parseMac(formatMac(mac)), mac);
    }),
    { numRuns: 2000 },
  );
});
