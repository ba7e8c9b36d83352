/** What is changed in QuickJS (quickjs/changes.sed) leaves the language as it is. Run by Node, which must say the same. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import { buildEngine } from "../../scripts/build-engine.ts";

const { path: engine, runtime } = buildEngine();
const folder = mkdtempSync(join(tmpdir(), "language-test-"));
after(() => rmSync(folder, { recursive: true }));

let count = 0;

/** What a program, as a script's text, makes of `out` on the engine: once as it is, once out of an image. */
function onEngine(program: string): string[] {
  const [input, bytecode, image] = ["js", "bytecode", "out"].map((end) =>
    join(folder, `${count}.${end}`),
  ) as [string, string, string];
  count++;
  const print = `
    const bytes = engine.utf8Encode(JSON.stringify(out));
    engine.syscall(engine.arch === "x64" ? 1 : 64, 1, bytes, bytes.length);`;
  writeFileSync(
    input,
    `"use strict"; globalThis.main = () => { const out = []; ${program}\n${print} };`,
  );
  const run = (path: string, ...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(path, args, { encoding: "utf8" });
    assert.equal(status, 0, stderr);
    return stdout;
  };
  run(engine, "--compile", input, bytecode);
  run(runtime, "--image", bytecode, image);
  return [run(engine, "--run", input), run(image)];
}

function sameAsNode(program: string): void {
  const out: unknown[] = [];
  new Function("out", `"use strict"; ${program}`)(out);
  assert.ok(out.length > 0);
  for (const printed of onEngine(program)) assert.deepEqual(printed, JSON.stringify(out));
}

test("a variable is not to be seen before its declaration", () => {
  sameAsNode(`
    const early = (name, steps) => {
      try { out.push([name, steps()]); } catch (error) { out.push([name, error.name]); }
    };
    early("before", () => { const seen = x; const x = 1; return [seen, x]; });
    early("itself", () => { const x = x + 1; return x; });
    early("assigned", () => { x = 2; let x = 1; return x; });
    early("by a function", () => { const read = () => x; const seen = read(); const x = 1; return seen; });
    early("afterwards by a function", () => { const read = () => x; const x = 1; return read(); });
    for (const place of [0, 1]) {
      early("case " + place, () => { switch (place) { case 0: let x = 1; return x; case 1: return x; } });
      early("written in case " + place, () => { switch (place) { case 0: let x = 1; case 1: x = 3; return x; } });
      early("inside case " + place, () => { switch (place) { case 0: { let x = 1; return x; } case 1: { const x = 4; return x; } } });
    }
    early("head of", () => { for (const x of [x]) return x; });
    early("head in", () => { for (const x in { [x]: 1 }) return x; });
    early("each turn", () => {
      const seen = [];
      for (let turn = 0; turn < 3; turn++) {
        try { seen.push(x); } catch { seen.push("not yet"); }
        const x = turn;
        seen.push(x);
      }
      return seen;
    });
    early("outer one", () => { const x = 1; { const seen = () => x; const y = seen(); { return [x, y]; } } });
    early("shadowed", () => { const x = 1; { try { return x; } catch { return "hidden"; } const y = 2; } });
    early("shadowed by later", () => { const x = 1; { const seen = x; let x = 2; return seen; } });
    early("patterns", () => { const { a, b = a } = { a: 5 }; const [c = b, d = c] = []; return [a, b, c, d]; });
    early("patterns too early", () => { const { a = b, b } = {}; return a; });
    early("taken apart itself", () => { const { a } = { a: a }; return a; });
    early("taken apart itself, listed", () => { let [a, b = a] = [1, b]; return [a, b]; });
    early("asked for its kind", () => { const { a } = { a: typeof a }; return a; });
    early("default within", () => { const { x: { a } = { a: a } } = {}; return a; });
    early("default within, later one", () => { const { x: [a] = [b], b = 2 } = {}; return [a, b]; });
    early("default within, taken", () => { const { x: [a] = [3], b = a } = {}; return [a, b]; });
    early("for taken apart", () => { for (let [a, b] = [b, 1]; ; ) return a; });
    early("each taken apart", () => { for (const { x: { a } = { a } } of [{}]) return a; });
    early("parameter taken apart", () => (({ a } = { a: a }) => a)());
    early("parameters taken apart", () => (([b] = [a], { a } = { a: 3 }) => [a, b])());
    early("generator taken apart", () => [...(function* () { const { a } = { a: yield a }; yield a; })()]);
    early("parameters", () => ((a, b = a) => [a, b])(1));
    early("parameters too early", () => ((a = b, b = 1) => [a, b])());
    early("class", () => { const made = new Made(); class Made {} return made; });
    early("after break", () => { out: { const x = 1; if (x) break out; } { const x = 2; return x; } });
    early("after throw", () => { try { throw 1; const x = 1; } catch (e) { const x = 2; return x + e; } });
    early("closures of turns", () => { const all = []; for (let i = 0; i < 3; i++) all.push(() => i++); return all.map((f) => f() + f()); });
    early("generator", () => [...(function* () { const x = yield 1; let y = 2; yield y; y = 3; yield y; })()]);
  `);
});

test("literals and closures have the properties they are to have", () => {
  sameAsNode(`
    const keys = (object) => Reflect.ownKeys(object).map(String);
    const told = (object) => keys(object).map((key) => Object.getOwnPropertyDescriptor(object, key));
    const name = "computed";
    const literal = { b: 1, a: 2, 7: "seven", [name]: 3, a: 4, get c() { return this.b; }, set c(v) {}, d() {}, __proto__: { inherited: 1 } };
    out.push(keys(literal), literal.a, literal.c, literal.inherited, told({ x: 1, get x() { return 2; }, y: 3 }));
    out.push(keys({ get x() { return 1; }, x: 2 }), { ...literal, e: 5 }.e, keys({ e: 0, ...literal }));
    for (let size = 0; size < 20; size++) {
      const object = {};
      for (let i = 0; i < size; i++) object["p" + i] = i;
      const other = JSON.parse(JSON.stringify(object));
      if (size > 3) { delete object.p2; object.p2 = "again"; }
      out.push([keys(object), object, other, Object.values({ ...other, last: size })]);
    }
    const one = { a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 7, h: 8, i: 9 };
    const two = { a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 7, h: 8, i: 9, j: one };
    out.push(one, two, Object.isFrozen(Object.freeze({ a: one })));
    function named(first, second = 1, ...rest) {}
    const arrow = (x) => x, method = { of() {} }.of;
    for (const f of [named, arrow, method, function () {}, class Name { static s = 1 }, async () => {}]) {
      out.push([f.name, f.length, Object.getOwnPropertyDescriptor(f, "length"), Object.getOwnPropertyDescriptor(f, "name")]);
    }
    class Base { own = 1; constructor() { this.made = 2; } }
    class Derived extends Base { more = [this.own, this.made]; }
    out.push(new Derived(), keys(new Derived()), new Base() instanceof Base);
    try { Object.preventExtensions(literal).z = 1; } catch (error) { out.push(error.name); }
  `);
});

test("a field is defined on whatever the constructor returns", () => {
  sameAsNode(`
    class Given { constructor(given) { return given; } }
    class Fields extends Given { a = 1; 0 = "first"; length = 2; }
    const seen = [];
    const traps = { defineProperty(target, key, what) { seen.push(String(key)); return Reflect.defineProperty(target, key, what); } };
    const given = [
      {}, { a: 0, length: 0 }, { get a() { return 9; }, set a(v) {} }, Object.freeze({ b: 1 }), Object.preventExtensions({ a: 3 }),
      Object.defineProperty({}, "a", { value: 7, configurable: false }), [], [5, 6, 7], Object.freeze([1]), new Uint8Array(3),
      function f(x) {}, new String("text"), new Proxy({}, traps), (function () { return arguments; })(4, 5), Object.create({ a: 8 }),
    ];
    for (const [index, object] of given.entries()) {
      let failed = "";
      try { new Fields(object); } catch (error) { failed = error.name; }
      out.push([index, failed, Reflect.ownKeys(object).map((key) => [key, Object.getOwnPropertyDescriptor(object, key)])]);
    }
    out.push(seen);
  `);
});

test("JSON quotes what is to be quoted", () => {
  sameAsNode(String.raw`
    const texts = ["", "plain", 'say "x"', "back\\slash", "\n\t\b\f\r", "\0\x1f\x7f", "\u2028", "é", "ÿ", "日本", "\ud800", "a\udc00", "😀", "</script>"];
    out.push(texts, Object.fromEntries(texts.map((text) => [text, text])));
    out.push(JSON.stringify({ a: [1, { b: null }], c: "d" }, null, 4), JSON.stringify([texts], null, "\t"));
    out.push(texts.map((text) => text.split("\\").length), "aXbXc".split("X"), "abc".split("é"), "日X本X".split("X"), "x".repeat(300).split("x").length);
  `);
});
