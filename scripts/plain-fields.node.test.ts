/** Private names as properties: which, and that nothing else of the text changes. */

import assert from "node:assert/strict";
import test from "node:test";
import { withPlainFields } from "./plain-fields.ts";

test("names of fields and methods become properties', line by line", () => {
  const source = `
export class Counter implements Disposable {
  readonly #by: number;
  static #made = 0;
  #count = 0; // not a #comment
  get #next(): number { return this.#count + this.#by; }
  constructor(by: number) { this.#by = by; Counter.#made++; }
  add(other?: Counter): string {
    this.#count = other?.#next ?? this.#next;
    return \`#count is \${this.#count} #\` + "#by" + /#made/.source;
  }
  [Symbol.dispose](): void { using _ = this; }
}
`;
  const plain = withPlainFields(source);
  const names = /(?<=this\.|Counter\.|\?\.|readonly |static |get |^ {2})#(?=[a-z])/gm;
  assert.equal(plain, source.replace(names, "_$"));
  assert.equal(plain.match(/_\$/g)?.length, 12);
});

test("a class that may share a name with another one keeps its own", () => {
  for (const source of [
    "class A extends B { #a = 1; get() { return this.#a; } }",
    "class A { #a = 1; static is(value: object) { return #a in value; } }",
    "class A { #a = 1; make() { return class { #a = 2; }; } }",
    "const text = '#a';",
  ]) {
    assert.equal(withPlainFields(source), source);
  }
  const two = "class A { #a = 1; }\nclass B extends A { #a = 2; }\nconst c = class { #a = 3; };";
  assert.equal(
    withPlainFields(two),
    "class A { _$a = 1; }\nclass B extends A { #a = 2; }\nconst c = class { _$a = 3; };",
  );
});
