import assert from "node:assert/strict";
import test from "node:test";
import * as fc from "fast-check";
import { encode } from "../sys/text.ts";
import { systemBusAddresses } from "./address.ts";
import { decodeMessage, encodeCall, MessageType, messageLength } from "./message.ts";
import { MalformedError, ValueReader } from "./value.ts";

function hex(text: string): Uint8Array {
  const digits = text.replaceAll(" ", "").match(/../g) ?? [];
  return Uint8Array.from(digits, (pair) => Number.parseInt(pair, 16));
}

function bytesOf(...parts: (string | number[])[]): Uint8Array {
  return Uint8Array.from(
    parts.flatMap((part) => (typeof part === "string" ? [...encode(part)] : part)),
  );
}

const call = {
  destination: "org.a",
  path: "/a",
  interface: "org.b",
  member: "Do",
  arguments: ["x", "10.1.0.2/32"],
};

test("a call is laid out as the specification says", () => {
  const expected = bytesOf(
    [0x6c, 1, 2, 1, 24, 0, 0, 0, 7, 0, 0, 0, 72, 0, 0, 0],
    ...[[1, 1], "o", [0, 2, 0, 0, 0], "/a", [0, 0, 0, 0, 0, 0]],
    ...[[2, 1], "s", [0, 5, 0, 0, 0], "org.b", [0, 0, 0]],
    ...[[3, 1], "s", [0, 2, 0, 0, 0], "Do", [0, 0, 0, 0, 0, 0]],
    ...[[6, 1], "s", [0, 5, 0, 0, 0], "org.a", [0, 0, 0]],
    ...[[8, 1], "g", [0, 2], "ss", [0]],
    ...[[1, 0, 0, 0], "x", [0, 0, 0], [11, 0, 0, 0], "10.1.0.2/32", [0]],
  );
  assert.deepEqual(encodeCall(call, 7), expected);
});

test("a call is read back", () => {
  const bytes = encodeCall(call, 7);
  assert.equal(messageLength(bytes), bytes.length);
  const { type, body, replySerial } = decodeMessage(bytes);
  assert.equal(type, MessageType.call);
  assert.deepEqual(body, call.arguments);
  assert.equal(replySerial, undefined);
});

const values: [signature: string, little: string, big: string, expected: unknown[]][] = [
  ["yb", "05 000000 01000000", "05 000000 00000001", [5, true]],
  ["nqi", "feff 0200 ffffffff", "fffe 0002 ffffffff", [-2, 2, -1]],
  ["xt", "ffffffffffffffff 0100000000000000", "ffffffffffffffff 0000000000000001", [-1n, 1n]],
  [
    "as",
    "0e000000 01000000 61 00 0000 01000000 62 00",
    "0000000e 00000001 61 00 0000 00000001 62 00",
    [["a", "b"]],
  ],
  ["v", "01 75 00 00 07000000", "01 75 00 00 00000007", [7]],
  [
    "a{sv}",
    "0d000000 00000000 01000000 6b 00 01 79 00 09".replace("0d", "0a"),
    "0000000a 00000000 00000001 6b 00 01 79 00 09",
    [[["k", 9]]],
  ],
];

for (const [signature, little, big, expected] of values) {
  test(`values of "${signature}" are read in either byte order`, () => {
    assert.deepEqual(new ValueReader(hex(little), true).readAll(signature), expected);
    assert.deepEqual(new ValueReader(hex(big), false).readAll(signature), expected);
  });
}

const broken: [title: string, signature: string, bytes: string][] = [
  ["a text longer than what is there", "s", "ff000000 61 00"],
  ["a text without an end", "s", "01000000 61 61"],
  ["an array longer than what is there", "as", "ffffff7f"],
  ["an array that ends within a value", "au", "06000000 01000000 02000000"],
  ["an array of nothing", "a()", "08000000 00000000 0000000000000000"],
  ["an unknown type", "z", "00"],
  ["a type that does not end", "a(s", "00000000"],
  ["a variant of two values", "v", "02 7575 00 00 0000 00000000"],
  ["nesting without end", "v", "0176 00".repeat(100)],
];

for (const [title, signature, bytes] of broken) {
  test(`refused: ${title}`, () => {
    assert.throws(() => new ValueReader(hex(bytes), true).readAll(signature), MalformedError);
  });
}

test("a message that is none, or too long, is refused before the rest is waited for", () => {
  const bytes = encodeCall(call, 7);
  assert.equal(messageLength(bytes.subarray(0, 15)), undefined);
  for (const [at, value] of [
    [0, 0x6d],
    [3, 2],
    [7, 0x7f],
    [15, 0x7f],
  ] as const) {
    const changed = bytes.slice();
    changed[at] = value;
    assert.throws(() => messageLength(changed), MalformedError);
  }
});

test("whatever comes is a message or refused", () => {
  const bytes = encodeCall(call, 7);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 }), (at, value) => {
      const changed = bytes.slice();
      changed[at] = value;
      try {
        if (messageLength(changed) === changed.length) decodeMessage(changed);
      } catch (error) {
        assert.ok(error instanceof MalformedError, String(error));
      }
    }),
  );
});

test("the bus is where the environment says, else where it usually is", () => {
  const find = (address?: string) =>
    systemBusAddresses(address === undefined ? {} : { DBUS_SYSTEM_BUS_ADDRESS: address });
  const unix = (path: string) => bytesOf([1, 0], path);
  assert.deepEqual(find(), [unix("/run/dbus/system_bus_socket\0")]);
  assert.deepEqual(find("tcp:host=x;unix:path=/a%20b,guid=1;unix:abstract=c"), [
    unix("/a b\0"),
    unix("\0c"),
  ]);
  assert.deepEqual(find(`unix:path=/${"x".repeat(107)}`), []);
});
