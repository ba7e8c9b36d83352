import assert from "node:assert/strict";
import test from "node:test";
import {
  checkedName,
  maskLength,
  readAddresses,
  readClasslessRoutes,
  readDomain,
  readNames,
  readStaticRoutes,
  readText,
} from "./value.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);
const text = (value: string) => Uint8Array.from(value, (letter) => letter.charCodeAt(0));

test("lists of addresses: whole ones, of hosts only", () => {
  assert.deepEqual(
    readAddresses(bytes(10, 0, 0, 1, 0, 0, 0, 0, 224, 0, 0, 1, 127, 0, 0, 1)),
    [0x0a000001],
  );
  assert.deepEqual(readAddresses(bytes(10, 0, 0, 1, 2)), []);
  assert.deepEqual(readAddresses(undefined), []);
});

test("masks", () => {
  assert.equal(maskLength(0xffffff00), 24);
  assert.equal(maskLength(0xffffffff), 32);
  assert.equal(maskLength(0x80000000), 1);
  for (const mask of [0, 0xff00ff00, 1, 0x7fffffff]) assert.equal(maskLength(mask), undefined);
});

test("classless routes: RFC 3442's examples", () => {
  const value = bytes(0, 10, 0, 0, 1, 8, 10, 10, 0, 0, 2, 25, 10, 229, 0, 128, 10, 0, 0, 3);
  assert.deepEqual(readClasslessRoutes(value), [
    { destination: 0, length: 0, gateway: 0x0a000001 },
    { destination: 0x0a000000, length: 8, gateway: 0x0a000002 },
    { destination: 0x0ae50080, length: 25, gateway: 0x0a000003 },
  ]);
  assert.deepEqual(readClasslessRoutes(bytes(24, 10, 1, 2, 0, 0, 0, 0)), [
    { destination: 0x0a010200, length: 24, gateway: 0 },
  ]);
  assert.deepEqual(readClasslessRoutes(bytes(9, 10, 255, 10, 0, 0, 1)), [
    { destination: 0x0a800000, length: 9, gateway: 0x0a000001 },
  ]);
});

test("classless routes that are cut short, too long or to nobody are none at all", () => {
  for (const value of [
    bytes(),
    bytes(33, 1, 1, 1, 1, 10, 0, 0, 1),
    bytes(24, 10, 1, 2, 10, 0, 0),
    bytes(24),
    bytes(0, 224, 0, 0, 1),
    bytes(0, 10, 0, 0, 1, 8),
  ]) {
    assert.equal(readClasslessRoutes(value), undefined);
  }
});

test("static routes have the mask of their class; no default route among them", () => {
  const value = bytes(
    10,
    1,
    0,
    0,
    10,
    0,
    0,
    1,
    172,
    16,
    1,
    0,
    10,
    0,
    0,
    1,
    0,
    0,
    0,
    0,
    10,
    0,
    0,
    1,
  );
  assert.deepEqual(readStaticRoutes(value), [
    { destination: 0x0a000000, length: 8, gateway: 0x0a000001 },
    { destination: 0xac100000, length: 16, gateway: 0x0a000001 },
  ]);
  assert.deepEqual(readStaticRoutes(bytes(10, 1, 0, 0)), []);
});

test("names: what could harm a file they end up in is none", () => {
  assert.equal(checkedName("a.example.org."), "a.example.org");
  for (const name of ["", ".", "a..b", "a b", "a\nnameserver", "-a", "a-", "x".repeat(64), "ü"]) {
    assert.equal(checkedName(name), undefined);
  }
  assert.equal(readDomain(text("example.org\0rest")), "example.org");
  assert.equal(readDomain(text("example.org other.org")), "example.org");
  assert.equal(readText(bytes(97, 10, 98)), "a?b");
});

test("search lists are read with their compression (RFC 3397's example)", () => {
  const value = bytes(
    ...[3, ...text("eng"), 5, ...text("apple"), 3, ...text("com"), 0],
    ...[9, ...text("marketing"), 0xc0, 4],
  );
  assert.deepEqual(readNames(value), ["eng.apple.com", "marketing.apple.com"]);
});

test("search lists with loops, pointers ahead or past the end are none", () => {
  for (const value of [
    bytes(0xc0, 0),
    bytes(1, 97, 0xc0, 0),
    bytes(1, 97, 0xc0, 2),
    bytes(1, 97, 0xc0, 9),
    bytes(1, 97, 0xc0),
    bytes(5, 97),
    bytes(0x40, 97, 0),
    bytes(1, 97),
    bytes(0),
  ]) {
    assert.deepEqual(readNames(value), []);
  }
});

test("a list of more names than anybody needs is none", () => {
  assert.deepEqual(
    readNames(Uint8Array.from({ length: 300 }, (_, at) => [1, 97, 0][at % 3] ?? 0)),
    [],
  );
});
