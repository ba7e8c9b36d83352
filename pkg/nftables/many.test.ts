import assert from "node:assert/strict";
import test from "node:test";
import { encode } from "../netlink/codec.ts";
import type { Request } from "../netlink/message.ts";
import { toHex } from "../netlink/testing/hex.ts";
import { Reader, Writer } from "../netlink/wire.ts";
import { addAlike, dumpRuns } from "./many.ts";
import { addElements, concatenate, type Element, elementList } from "./set.ts";

const key = { family: "ipv4", table: "t", set: "s", id: 3 } as const;
const HEADER = 4; // struct nfgenmsg

function element(port: number, to: number, width = 4): Element {
  const word = (value: number) => Uint8Array.of(value >> 8, value & 0xff);
  return {
    key: concatenate(Uint8Array.of(6), word(port)),
    data: { value: concatenate(new Uint8Array(width).fill(7), word(to)) },
  };
}

/** The port's bytes as a word in memory. */
function swapped(port: number): number {
  return ((port & 0xff) << 8) | (port >> 8);
}

function alike(count: number, width = 4) {
  const ends = Array.from({ length: count }, (_, at) => [swapped(1000 + at), swapped(2 * at)]);
  return { model: element(0, 0, width), ends: Int32Array.from(ends.flat()) };
}

function bytesOf(request: Request): string {
  const to = new Writer();
  request.write(to);
  return toHex(to.written());
}

for (const [count, width] of [
  [1, 4],
  [2, 4],
  [7, 16],
  [400, 4],
] as const) {
  test(`${count} elements that are alike are written as any others`, () => {
    const elements = Array.from({ length: count }, (_, at) => element(1000 + at, 2 * at, width));
    assert.deepEqual(
      addAlike(key, alike(count, width)).map(bytesOf),
      addElements(key, elements).map(bytesOf),
    );
  });
}

test("a message holds as many as an attribute has room for, and no element costs more than its bytes", () => {
  const lengths = (count: number, width: number) =>
    addAlike(key, alike(count, width)).map((request) => bytesOf(request).length / 2);
  const [head = 0] = lengths(1, 4).map((length) => length - 36);
  assert.deepEqual(lengths(1000, 4), [head + 36_000]);
  assert.deepEqual(lengths(1821, 4), [head + 36 * 1820, head + 36]);
  assert.deepEqual(lengths(3000, 16).length, 3);
  assert.deepEqual(lengths(0, 4), []);
});

function read(elements: readonly Element[]) {
  const list = encode(elementList, { table: "t", set: "s", elements: elements.map(toWire) });
  const bytes = new Uint8Array(HEADER + list.length);
  bytes.set(list, HEADER);
  return dumpRuns(key).read?.(new Reader(bytes), 0, bytes.length) ?? [];
}

function toWire({ key: value, data, flags }: Element & { flags?: number }) {
  return { key: { value }, data, flags };
}

/** Keys and values as bytes, to be compared. */
function shown(runs: ReturnType<typeof read>): string[][] {
  return runs.map(({ words, step, key: at, keyLength, value, valueLength }) =>
    Array.from({ length: words.length / step }, (_, row) => {
      const part = (from: number, length: number) => {
        const start = row * step + from;
        return toHex(new Uint8Array(words.slice(start, start + length).buffer));
      };
      return `${part(at, keyLength)}:${part(value, valueLength)}`;
    }),
  );
}

test("elements are read in runs of like ones", () => {
  const [one, two, three, four] = [element(1, 2), element(3, 4), element(5, 6), element(7, 8)];
  const text = ({ key: from, data }: Element) => `${toHex(from)}:${toHex(data?.value ?? from)}`;
  assert.deepEqual(shown(read([one, two, three])), [[text(one), text(two), text(three)]]);
  // One with something behind the value, one without any, one that is longer.
  const odd = { ...three, flags: 1 };
  const longer = element(9, 9, 16);
  assert.deepEqual(shown(read([one, two, odd, { key: one.key }, four, longer])), [
    [text(one), text(two)],
    [text(three)],
    [text(four)],
    [text(longer)],
  ]);
  assert.deepEqual(read([]), []);
});

test("elements cut short are refused", () => {
  const list = encode(elementList, { elements: [toWire(element(1, 2)), toWire(element(3, 4))] });
  const bytes = new Uint8Array(HEADER + list.length);
  bytes.set(list, HEADER);
  for (const length of [HEADER + 2, HEADER + 6, HEADER + 30, bytes.length - 4]) {
    assert.throws(() => dumpRuns(key).read?.(new Reader(bytes), 0, length), /cannot decode/);
  }
  // A key that claims to be longer than its element.
  bytes[HEADER + 4 + 4] = 0xff;
  assert.throws(() => dumpRuns(key).read?.(new Reader(bytes), 0, bytes.length), /cannot decode/);
});
