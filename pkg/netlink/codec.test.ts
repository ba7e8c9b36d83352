import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { ipAddress, macAddress } from "./address-codec.ts";
import { chosenBy } from "./chosen.ts";
import {
  attributes,
  bareString,
  be16,
  be32,
  boolean,
  bytes,
  type Codec,
  decode,
  encode,
  flag,
  flagged,
  listOf,
  s32,
  string,
  u8,
  u16,
  u32,
} from "./codec.ts";
import { be64, u64 } from "./long.ts";
import { struct } from "./struct.ts";
import { hex, toHex } from "./testing/hex.ts";
import { WireError, Writer } from "./wire.ts";

const inner = attributes({ number: [1, u8], text: [2, string] });
const choices = { a: attributes({ x: [1, u8] }), b: attributes({ y: [1, u32] }) } as const;
const outer = attributes({
  byte: [1, u8],
  short: [2, u16],
  word: [3, u32],
  signed: [4, s32],
  long: [5, u64],
  netShort: [6, be16],
  netWord: [7, be32],
  netLong: [8, be64],
  text: [9, string],
  bare: [10, bareString],
  isOn: [11, boolean],
  isThere: [12, flag],
  raw: [13, bytes],
  mac: [14, macAddress],
  ip: [15, ipAddress],
  inner: [16, inner],
  marked: [17, flagged(inner)],
  list: [18, listOf(1, u16)],
  kind: [19, bareString],
  data: [20, chosenBy("kind", choices)],
  pair: [21, struct({ first: u16, second: u16, third: u32 })],
});

const cases = [
  { shows: "one byte, padded", value: { byte: 7 }, wire: "0500 0100 07000000" },
  { shows: "two bytes", value: { short: 0x1234 }, wire: "0600 0200 34120000" },
  { shows: "four bytes", value: { word: 0xfedcba98 }, wire: "0800 0300 98badcfe" },
  { shows: "a sign", value: { signed: -2 }, wire: "0800 0400 feffffff" },
  { shows: "eight bytes", value: { long: 1n << 56n }, wire: "0c00 0500 00000000 00000001" },
  { shows: "network order, short", value: { netShort: 0x8100 }, wire: "0600 0600 81000000" },
  { shows: "network order, word", value: { netWord: 1 }, wire: "0800 0700 00000001" },
  { shows: "network order, long", value: { netLong: 1n }, wire: "0c00 0800 00000000 00000001" },
  { shows: "text with its NUL", value: { text: "eth0" }, wire: "0900 0900 65746830 00000000" },
  { shows: "text without one", value: { bare: "veth" }, wire: "0800 0a00 76657468" },
  { shows: "a truth value", value: { isOn: true }, wire: "0500 0b00 01000000" },
  { shows: "a flag", value: { isThere: true }, wire: "0400 0c00" },
  { shows: "bytes as they are", value: { raw: hex("010203") }, wire: "0700 0d00 01020300" },
  {
    shows: "a hardware address",
    value: { mac: "02:00:00:00:00:ff" },
    wire: "0a00 0e00 0200 0000 00ff 0000",
  },
  {
    shows: "an IPv4 address",
    value: { ip: { family: 4, value: 0x0a000001n } },
    wire: "0800 0f00 0a000001",
  },
  {
    shows: "an IPv6 address",
    value: { ip: { family: 6, value: 1n } },
    wire: "1400 0f00 00000000 00000000 00000000 00000001",
  },
  {
    shows: "a set in a set",
    value: { inner: { number: 1 } },
    wire: "0c00 1000 0500 0100 01000000",
  },
  {
    shows: "a set marked as one",
    value: { marked: { number: 1 } },
    wire: "0c00 1180 0500 0100 01000000",
  },
  {
    shows: "a list",
    value: { list: [1, 2] },
    wire: "1400 1200 0600 0100 01000000 0600 0100 02000000",
  },
  {
    shows: "data of a kind",
    value: { kind: "a", data: { x: 1 } },
    wire: "0500 1300 61000000 0c00 1400 0500 0100 01000000",
  },
  {
    shows: "data of another kind",
    value: { kind: "b", data: { y: 1 } },
    wire: "0500 1300 62000000 0c00 1400 0800 0100 01000000",
  },
  {
    shows: "a structure",
    value: { pair: { first: 1, second: 2, third: 3 } },
    wire: "0c00 1500 0100 0200 03000000",
  },
  {
    shows: "several in key order, without the undefined one",
    value: { short: 1, text: undefined, byte: 2 },
    wire: "0600 0200 01000000 0500 0100 02000000",
    back: { short: 1, byte: 2 },
  },
];

for (const { shows, value, wire, back } of cases) {
  test(`attributes go both ways: ${shows}`, () => {
    const any = outer as Codec<unknown>;
    assert.equal(toHex(encode(any, value)), wire.replaceAll(" ", ""));
    assert.deepEqual(decode(any, hex(wire)), back ?? value);
  });
}

test("attributes skip what they do not know", () => {
  assert.deepEqual(decode(inner, hex("0800 ff00 01000000  0500 0100 02000000")), { number: 2 });
});

test("attributes look past the marks in a type", () => {
  assert.deepEqual(decode(inner, hex("0500 01c0 02000000")), { number: 2 });
});

test("chosenBy reads nothing of an unknown kind and refuses to write it", () => {
  assert.deepEqual(decode(outer, hex("0500 1300 63000000  0c00 1400 0500 0100 01000000")), {
    kind: "c",
    data: undefined,
  });
  assert.throws(() => encode(outer, { kind: "c", data: { x: 1 } }), WireError);
});

test("chosenBy takes no kind from the prototype", () => {
  const wire = encode(outer, { kind: "constructor", raw: hex("00") });
  assert.deepEqual(decode(outer, wire), { kind: "constructor", raw: hex("00") });
});

test("text ends at its first NUL", () => {
  assert.deepEqual(decode(outer, hex("0800 0900 61006200")), { text: "a" });
});

test("text with a NUL inside cannot be written", () => {
  assert.throws(() => encode(outer, { text: "a\0b" }), WireError);
});

test("a hardware address that is none cannot be written", () => {
  assert.throws(() => encode(outer, { mac: "no" }), /"no"/);
});

const broken = [
  { shows: "a length of zero", wire: "0000 0100 01000000" },
  { shows: "a length below its header", wire: "0300 0100 01000000" },
  { shows: "a length past the end", wire: "0900 0100 01000000" },
  { shows: "half a header", wire: "0400" },
  { shows: "a number that is too short", wire: "0500 0300 01000000" },
  { shows: "an address of odd length", wire: "0700 0f00 01020300" },
  { shows: "a broken set inside", wire: "0800 1000 02000100" },
];

for (const { shows, wire } of broken) {
  test(`attributes refuse ${shows}`, () => {
    assert.throws(() => decode(outer, hex(wire)), WireError);
  });
}

test("a Writer grows past its first capacity", () => {
  const raw = new Uint8Array(5000).fill(7);
  const wire = encode(outer, { byte: 1, raw });
  assert.equal(wire.length, 8 + 4 + 5000);
  assert.deepEqual(decode(outer, wire), { byte: 1, raw });
});

test("an attribute that its length cannot tell is refused", () => {
  assert.throws(() => encode(outer, { raw: new Uint8Array(65536) }), WireError);
});

test("decoding any bytes ends in a value or a WireError", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (wire) => {
      try {
        decode(outer, wire);
      } catch (error) {
        assert.ok(error instanceof WireError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

test("decoding attributes of any type and length ends in a value or a WireError", () => {
  const attribute = fc.tuple(fc.nat(24), fc.nat(40), fc.uint8Array({ maxLength: 40 }));
  fc.assert(
    fc.property(fc.array(attribute, { maxLength: 8 }), (list) => {
      const wire = list.flatMap(([type, length, payload]) => [length, 0, type, 0, ...payload]);
      try {
        decode(outer, Uint8Array.from(wire));
      } catch (error) {
        assert.ok(error instanceof WireError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

test("a number that begins where the memory ends is not lost", () => {
  const numbers = attributes({ number: [1, u32] });
  const writer = new Writer();
  const { capacity } = writer;
  for (let at = 0; at <= capacity; at += 8) numbers.write(writer, { number: at + 1 }, {});
  assert.equal(writer.length, capacity + 8);
  assert.deepEqual([...writer.bytes.slice(capacity, capacity + 8)], [8, 0, 1, 0, 1, 4, 0, 0]);
});

test("a number's attribute can have the flag of nested ones", () => {
  const flaggedNumber = attributes({ number: [1, flagged(u32)] });
  assert.deepEqual([...encode(flaggedNumber, { number: 5 })], [8, 0, 1, 0x80, 5, 0, 0, 0]);
});
