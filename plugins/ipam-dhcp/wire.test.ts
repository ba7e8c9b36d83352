import assert from "node:assert/strict";
import test from "node:test";
import { encode } from "../../pkg/sys/text.ts";
import { encodeWire, WireFault, WireReader } from "./wire.ts";

test("a message is read in whatever pieces it comes", () => {
  const value = { method: "check", key: { network: "netz-ü" } };
  const bytes = encodeWire(value);
  for (let size = 1; size <= bytes.length; size++) {
    const reader = new WireReader();
    let read: unknown;
    for (let at = 0; at < bytes.length; at += size) {
      assert.equal(read, undefined);
      read = reader.take(bytes.subarray(at, at + size));
    }
    assert.deepEqual(read, value);
  }
});

const faults: Record<string, RegExp> = {
  "HTTP/1.1 400 Bad Request\r\n": /does not speak the language/,
  "TSCNI-DHCP 2 5\n": /it speaks version 2/,
  "TSCNI-DHCP 1 999999999\n": /a message of 999999999 bytes/,
  "TSCNI-DHCP 1 -1\n": /does not speak/,
  "TSCNI-DHCP 1 2\n{x": /no JSON/,
  [`${"x".repeat(64)}`]: /does not speak/,
};

for (const [text, expected] of Object.entries(faults)) {
  test(`${JSON.stringify(text.slice(0, 30))} is refused, not waited for`, () => {
    assert.throws(
      () => new WireReader().take(encode(text)),
      (error) => error instanceof WireFault && expected.test(error.message),
    );
  });
}

test("another version is told as such", () => {
  try {
    new WireReader().take(encode("TSCNI-DHCP 7 2\n{}"));
    assert.fail("it was read");
  } catch (error) {
    assert.ok(error instanceof WireFault && error.peerVersion === 7);
  }
});
