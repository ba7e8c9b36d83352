import assert from "node:assert/strict";
import test from "node:test";
import { printWords, readWords } from "./words.ts";

const cases: [string, string[], string][] = [
  ["plain words stay", ["-A", "INPUT", "!", "-s", "fd00::/8"], "-A INPUT ! -s fd00::/8"],
  ["spaces are quoted", ["--comment", "a b"], '--comment "a b"'],
  ["quotes and backslashes are escaped", ['a "b" \\'], '"a \\"b\\" \\\\"'],
  ["what a shell would take stays text", ["$(id) `id`;*|#"], '"$(id) `id`;*|#"'],
  ["an empty word is one", ["--comment", ""], '--comment ""'],
  ["brackets are quoted", ["[fd00::2]:80"], '"[fd00::2]:80"'],
];

for (const [title, words, line] of cases) {
  test(`words: ${title}`, () => {
    assert.equal(printWords(words), line);
    assert.deepEqual(readWords(line), words);
  });
}

test("words are read as iptables-save quotes them", () => {
  assert.deepEqual(readWords(`-m comment --comment "it\\'s  \\"x\\"" -j ACCEPT `), [
    "-m",
    "comment",
    "--comment",
    `it's  "x"`,
    "-j",
    "ACCEPT",
  ]);
});

test("a word that would begin another line is refused", () => {
  for (const bad of ["a\nCOMMIT", "a\rb", "a\0b", "\x7f"]) {
    assert.throws(() => printWords(["--comment", bad]), /control character/);
  }
});

test("a line that iptables-restore would read as two is refused", () => {
  assert.throws(() => printWords(["x".repeat(4000)]), /too long/);
  assert.throws(() => printWords(Array(300).fill("x")), /too long/);
});
