import assert from "node:assert/strict";
import test from "node:test";
import { goQuote, goQuoteList } from "./quote.ts";

/** What Go's %q prints for each text. */
const texts: readonly [text: string, quoted: string][] = [
  ["", '""'],
  ["a", '"a"'],
  ['a"b', '"a\\"b"'],
  ["a\\b", '"a\\\\b"'],
  ["\u0007\b\f\n\r\t\u000b\u0000\u001b\u007f", '"\\a\\b\\f\\n\\r\\t\\v\\x00\\x1b\\x7f"'],
  ["é日😀", '"é日😀"'],
  ["\u00a0", '"\\u00a0"'],
  ["\u00ad", '"\\u00ad"'],
  ["\u0085", '"\\u0085"'],
  ["\u200b", '"\\u200b"'],
  ["\u2028", '"\\u2028"'],
  ["\ufeff", '"\\ufeff"'],
  ["\ufffd", '"\ufffd"'],
  ["􏿿", '"\\U0010ffff"'],
  ["\ue000", '"\\ue000"'],
  ["😀", '"😀"'],
  ["\u0301", '"\u0301"'],
  ["'`$", '"\'`$"'],
  ["\u0378", '"\\u0378"'],
  ["\u3000", '"\\u3000"'],
  ["󠀁", '"\\U000e0001"'],
  ["🧿", '"🧿"'],
  ["a b", '"a b"'],
  ["\u0000", '"\\x00"'],
  ["\u0001", '"\\x01"'],
  ["\u0002", '"\\x02"'],
];

for (const [text, quoted] of texts) {
  test(`goQuote() prints ${quoted}`, () => assert.equal(goQuote(text), quoted));
}

test("goQuoteList() separates by blanks, in brackets", () => {
  assert.equal(goQuoteList([]), "[]");
  assert.equal(goQuoteList(["a", 'b"c']), '["a" "b\\"c"]');
});
