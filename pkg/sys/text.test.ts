import assert from "node:assert/strict";
import test from "node:test";
import { decode, encode } from "./text.ts";

test("text survives the way to bytes and back", () => {
  for (const text of ["", "plain", "größe", "\u{1f980} \uffff", "a\0b", "\ufeffmarked"]) {
    assert.equal(decode(encode(text)), text);
  }
  assert.deepEqual(encode("é\u{1f980}"), new Uint8Array([0xc3, 0xa9, 0xf0, 0x9f, 0xa6, 0x80]));
});

test("what is no text becomes U+FFFD, as TextDecoder has it", () => {
  const cases: [number[], string][] = [
    [[0x61, 0xff, 0x62], "a\ufffdb"],
    [[0xc3], "\ufffd"],
    [[0xf0, 0x9f, 0xa6, 0x61], "\ufffda"],
    [[0xed, 0xa0, 0x80], "\ufffd\ufffd\ufffd"],
    [[0xc0, 0x80], "\ufffd\ufffd"],
    [[0xf4, 0x90, 0x80, 0x80], "\ufffd\ufffd\ufffd\ufffd"],
  ];
  for (const [bytes, text] of cases) assert.equal(decode(new Uint8Array(bytes)), text);
  assert.deepEqual(encode("\ud800"), new Uint8Array([0xef, 0xbf, 0xbd]));
});
