import assert from "node:assert/strict";
import test from "node:test";
import { attributes, u16, u32 } from "./codec.ts";
import { Located } from "./located.ts";
import { Reader, Writer } from "./wire.ts";

const set = attributes({ first: [1, u32], second: [2, u16], ninth: [9, u32] });
/** The same, with numbers that the other does not know. */
const wider = attributes({ first: [1, u32], second: [2, u16], far: [400, u32], ninth: [9, u32] });

function located(...values: Parameters<typeof wider.write>[1][]) {
  const writer = new Writer();
  for (const value of values) wider.write(writer, value, {});
  const bytes = writer.bytes.slice(0, writer.length);
  return { bytes, read: () => Located.copyOf(set, new Reader(bytes), 0, bytes.length) };
}

test("attributes are found in whatever order they are asked for", () => {
  const { read } = located({ far: 7, ninth: 9, second: 2, first: 1 });
  const orders = [
    ["first", "second", "ninth"],
    ["ninth", "second", "first"],
    ["second", "second", "first", "ninth"],
  ] as const;
  for (const order of orders) {
    const values = read();
    const found = order.map((name) => values.get(name));
    assert.deepEqual(
      found,
      order.map((name) => ({ first: 1, second: 2, ninth: 9 })[name]),
    );
  }
});

test("of two attributes of one type the last counts, as for the kernel", () => {
  const values = located({ first: 1, ninth: 3 }, { first: 2, second: 5 }).read();
  assert.deepEqual([values.get("second"), values.get("first"), values.get("ninth")], [5, 2, 3]);
});

test("what is missing is missing again", () => {
  const values = located({ far: 1 }).read();
  assert.deepEqual(
    [values.get("first"), values.get("first"), values.get("ninth")],
    [undefined, undefined, undefined],
  );
});

test("the flags of a type, of which the highest is a word's sign, are no part of it", () => {
  const { bytes } = located({ first: 1, ninth: 9 });
  bytes[11] = 0xc0;
  const values = Located.copyOf(set, new Reader(bytes), 0, bytes.length);
  assert.deepEqual([values.get("first"), values.get("ninth")], [1, 9]);
});

for (const length of [40, 3, 2, 1, 0]) {
  test(`an attribute of ${length} bytes where 8 are left is an error each time`, () => {
    const { bytes } = located({ first: 1, ninth: 9 });
    bytes[8] = length;
    const values = Located.copyOf(set, new Reader(bytes), 0, bytes.length);
    for (const name of ["first", "second", "ninth", "ninth"] as const) {
      assert.throws(() => values.get(name), /cannot decode an attribute of \d+ bytes: 8 are left/);
    }
  });
}

for (const length of [3, 2, 1, 0]) {
  test(`an attribute of ${length} bytes is an error wherever it stands`, () => {
    const last = Uint8Array.of(length, 0, 2, 0);
    const followed = Uint8Array.of(length, 0, 9, 0, 8, 0, 1, 0, 5, 0, 0, 0);
    for (const bytes of [last, followed]) {
      const values = Located.copyOf(set, new Reader(bytes), 0, bytes.length);
      assert.throws(() => values.get("first"), /cannot decode an attribute of \d+ bytes/);
    }
  });
}

test("an attribute may end where the set does, and not in the padding behind that", () => {
  const { bytes } = located({ ninth: 9, second: 5 });
  const end = bytes.length - 2;
  const read = () => Located.within(set, new Reader(bytes), 0, end);
  assert.deepEqual([read().get("second"), read().get("ninth")], [5, 9]);
  bytes[8] = 8;
  for (const name of ["second", "ninth"] as const) {
    assert.throws(() => read().get(name), /cannot decode an attribute of 8 bytes: 6 are left/);
  }
});
