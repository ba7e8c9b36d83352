import assert from "node:assert/strict";
import test from "node:test";
import { decodeMessage, encodeMessage, type Message } from "./message.ts";
import { Option } from "./option.ts";
import { Simulation, server } from "./testing/simulation.ts";

const cookie = 240;

function message(options: Iterable<[number, Uint8Array]>): Message {
  return { ...new Simulation().reply({}), options: new Map(options) };
}

/** A reply with these bytes in its options field. */
function withOptions(...bytes: number[]): Uint8Array {
  const whole = encodeMessage(message([]));
  const long = new Uint8Array(cookie + bytes.length);
  long.set(whole.subarray(0, cookie));
  long.set(bytes, cookie);
  return long;
}

test("a message goes to bytes and back", () => {
  const before = {
    ...message([[53, Uint8Array.of(5)]]),
    relay: server,
    broadcast: true,
    seconds: 7,
  };
  assert.deepEqual(decodeMessage(encodeMessage(before)), before);
});

test("what is sent is never shorter than BOOTP's 300 bytes", () => {
  assert.equal(encodeMessage(message([])).length, 300);
});

test("a value over 255 bytes is split, and joined when it is read (RFC 3396)", () => {
  const value = Uint8Array.from({ length: 600 }, (_, at) => at & 0xff);
  const bytes = encodeMessage(message([[Option.userClass, value]]));
  assert.deepEqual([bytes[cookie], bytes[cookie + 1], bytes[cookie + 257]], [77, 255, 77]);
  assert.deepEqual(decodeMessage(bytes)?.options.get(Option.userClass), value);
});

test("values of no length and of 255 bytes are read as they are", () => {
  const longest = new Uint8Array(255).fill(7);
  const read = decodeMessage(withOptions(12, 0, 0, 0, 43, 255, ...longest, 255));
  assert.deepEqual(read?.options.get(12), new Uint8Array(0));
  assert.deepEqual(read?.options.get(43), longest);
});

test("what does not fit the longest message is refused", () => {
  assert.throws(() => encodeMessage(message([[77, new Uint8Array(1300)]])), RangeError);
});

test("overloaded fields are read behind the options, file before sname", () => {
  const bytes = withOptions(52, 1, 3, 12, 1, 97, 255);
  bytes.set([12, 1, 98, 255], 108);
  bytes.set([12, 1, 99, 255], 44);
  assert.deepEqual(decodeMessage(bytes)?.options.get(12), Uint8Array.of(97, 98, 99));
  bytes[cookie + 2] = 2;
  assert.deepEqual(decodeMessage(bytes)?.options.get(12), Uint8Array.of(97, 99));
});

test("an overload option in an overloaded field leads nowhere further", () => {
  const bytes = withOptions(52, 1, 1, 255);
  bytes.set([52, 1, 3, 255], 108);
  assert.deepEqual(decodeMessage(bytes)?.options.get(52), Uint8Array.of(1, 3));
});

const broken: Record<string, Uint8Array> = {
  "no bytes at all": new Uint8Array(0),
  "a message cut short": encodeMessage(message([])).subarray(0, 239),
  "another cookie": withOptions(255).fill(0, 236, 240),
  "an option that reaches past the end": withOptions(12, 5, 97),
  "an option without a length": withOptions(12),
  "a hardware address of 17 bytes": withOptions(255).fill(17, 2, 3),
  "an overloaded field whose option reaches past it": (() => {
    const bytes = withOptions(52, 1, 1, 255).fill(0, 108, 236);
    bytes.set([12, 200], 108);
    return bytes;
  })(),
};

for (const [what, bytes] of Object.entries(broken)) {
  test(`${what} is no message`, () => assert.equal(decodeMessage(bytes), undefined));
}

test("an options field that is full needs no end mark", () => {
  assert.deepEqual(decodeMessage(withOptions(12, 1, 97))?.options.get(12), Uint8Array.of(97));
});
