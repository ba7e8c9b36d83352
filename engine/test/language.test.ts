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
  const wanted: unknown[] = JSON.parse(JSON.stringify(out));
  for (const printed of onEngine(program)) {
    const found: unknown[] = JSON.parse(printed);
    wanted.forEach((item, at) => void assert.deepEqual(found[at], item));
    assert.equal(found.length, wanted.length);
  }
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

test("each round of a loop has variables of its own, not set until they are declared", () => {
  sameAsNode(`
    const attempt = (read) => { try { return read(); } catch (error) { return error.name; } };
    for (let i = 0; i < 3; i++) { let y; out.push(["unset", y]); y = i; }
    for (let i = 0; i < 3; i++) { out.push(["early", attempt(() => x), i]); const x = i; out.push(x); }
    for (let i = 0; i < 3; i++) { try { if (i > 0) out.push(["early by itself", late]); } catch (error) { out.push(error.name); } const late = i; out.push(late); }
    const assign = [
      () => { x = 5; let x; return x; }, () => { x += 1; let x; return x; }, () => { x++; let x; return x; },
      () => { [x] = [1]; let x; return x; }, () => { ({ x } = { x: 1 }); let x; return x; }, () => { x ??= 1; let x; return x; },
      () => { for (x of [1]) break; let x; return x; }, () => { typeof x; let x; return x; }, () => { (() => { x = 1; })(); let x; return x; },
    ];
    for (const one of assign) { for (let i = 0; i < 2; i++) out.push(attempt(one)); }
    for (let i = 0; i < 3; i++) { try { if (i === 1) again = 7; } catch (error) { out.push(error.name); } let again = i; out.push(again); }
    for (let i = 0; i < 3; i++) { if (i === 1) continue; const skipped = i; out.push(skipped); }
    for (const item of [1, 2, 3]) { const twice = item * 2; let sum; if (item > 1) sum = twice; out.push([twice, sum]); }
    for (const key in { a: 1, b: 2 }) { let seen; out.push([key, seen]); seen = key; }
    const kept = [];
    for (let i = 0; i < 3; i++) { const own = { i }; kept.push(() => own.i); }
    for (let i = 0; i < 3; i++) { try { let v = i; kept.push(() => v++); throw 1; } catch { const w = i; kept.push(() => w); } }
    for (const i of [0, 1]) { try { { function read() { return y; } let y = i; kept.push(read, () => { y += 10; return read(); }); null.x; } } catch {} }
    for (let i = 0; i < 2; i++) { try { class Own { static of = i; } kept.push(() => Own.of); const [a, b = () => a] = [i]; kept.push(b); throw a; } catch (error) { kept.push(() => error); } }
    const later = function* () { for (let i = 0; i < 2; i++) { try { const g = i; kept.push(() => g); yield g; throw g; } catch (error) { kept.push(() => error); } } };
    out.push([...later()]);
    out.push(kept.map((read) => read()));
    out.push(kept.map((read) => read()));
    let n = 0;
    do { const before = n; n = before + 1; { const inner = before; out.push(inner); } } while (n < 3);
    const jump = (i) => { switch (i) { case 0: let a = 1; return a; case 1: a = 2; return a; default: return a; } };
    for (const i of [0, 1, 2]) out.push(attempt(() => jump(i)));
    const sequence = function* () { for (let i = 0; i < 3; i++) { let step; const value = yield [i, step]; step = value; out.push(["sent", step]); } };
    const steps = sequence();
    for (const value of ["a", "b", "c"]) out.push(steps.next(value).value);
    outer: for (let i = 0; i < 3; i++) { for (let j = 0; j < 3; j++) { const both = i * 3 + j; if (both === 4) continue outer; out.push(both); } }
    for (let i = 0; i < 2; i++) { let [a = i, { b } = { b: a }] = []; out.push([a, b]); class Own { static of = i; get() { return Own.of; } } out.push(new Own().get()); }
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

test("JSON is printed the same", () => {
  sameAsNode(`
    const print = (name, make, ...how) => {
      try { out.push([name, JSON.stringify(make(), ...how)]); } catch (error) { out.push([name, error.name]); }
    };
    class Point { constructor() { this.x = 1; } get y() { return 2; } }
    const deep = (levels, inner) => { let it = inner; for (let n = 0; n < levels; n++) it = n % 2 ? { it } : [it]; return it; };
    const kept = { a: 1, b: 2, c: 3 };
    delete kept.b;
    let rope = "";
    for (let n = 0; n < 1000; n++) rope += "part " + n + ", ";
    const sparse = [1];
    sparse[3] = 4;
    const grown = [1, 2];
    grown.length = 4;
    const named = Object.assign([1, 2], { toJSON: () => "own" });
    const makers = {
      plain: () => ({ a: 1, b: "text", c: true, d: null, e: [], f: {}, g: [{}], h: { i: [1, [2, [3]]] } }),
      "what was read": () => JSON.parse('{"a":1,"b":[1.5,2e3,-0,1e400],"c":{"d":"e"},"":[]}'),
      numbers: () => [0, -0, 1.5, 1e21, 1e-7, NaN, Infinity, -5, 2147483648, -2147483649],
      texts: () => ["", "\\u0000\\u001f\\"\\\\/\\u007f", "\\u00e9\\u20ac\\ud83d\\ude00", "\\ud800 alone", "x".repeat(300), rope],
      names: () => ({ "": 1, "\\u00e9": 2, "\\u20ac": 3, 'quo"te': 4, "a\\nb": 5, __proto__: null }),
      order: () => ({ b: 1, 2: "two", a: 3, 1: "one", "01": 4, "-1": 5, 4294967295: 6 }),
      "order of large ones": () => [{ b: 1, 3000000000: 2, a: 3 }, { b: 1, 4294967294: 2, 2147483648: 3 }, { b: 1, 4294967295: 2 }],
      nothing: () => ({ a: undefined, b: () => 1, c: Symbol("s"), [Symbol("k")]: 1, d: 2 }),
      "nothing in a list": () => [undefined, () => 1, Symbol("s"), 1],
      "nothing at all": () => undefined,
      "a function": () => () => 1,
      getter: () => ({ get a() { return 1; }, b: 2 }),
      hidden: () => Object.defineProperty({ a: 1 }, "b", { value: 2 }),
      "without a prototype": () => Object.assign(Object.create(null), { a: 1 }),
      "with another": () => Object.create({ toJSON: () => "inherited" }, { a: { value: 1, enumerable: true } }),
      "of a class": () => [new Point(), new (class extends Array {})()],
      toJSON: () => ({ a: 1, toJSON(key) { return [key, this.a]; } }),
      "toJSON of one inside": () => ({ inside: { toJSON: (key) => key } }),
      "no function": () => ({ toJSON: 1 }),
      "a list with toJSON": () => [named],
      lists: () => [sparse, grown, new Array(3), [, 1]],
      others: () => [new Map([[1, 2]]), new Uint8Array([1, 2]), new Date(0), /x/, Object(1), Object("s"), Object(true), new Proxy([1], {}), new Proxy({ a: 1 }, {})],
      kept: () => kept,
      frozen: () => Object.freeze({ a: Object.freeze([1]) }),
      bigint: () => [1n],
      circular: () => { const it = { a: [] }; it.a.push(it); return it; },
      "often the same": () => { const it = { a: 1 }; return [it, it]; },
      "as deep as goes": () => deep(63, 1),
      "a level more": () => deep(64, 1),
      "and more": () => deep(65, { a: 1 }),
      deep: () => deep(200, "end"),
      throws: () => ({ a: 1, get b() { throw new RangeError("no"); } }),
    };
    const ways = [[], [null, 2], [null, ""], [null, "\\t"], [null, "\\u20ac"], [null, 20], [["a", "b"], 1], [(key, value) => (typeof value === "number" ? value + 1 : value)]];
    for (const how of ways) for (const name in makers) print(name, makers[name], ...how);
    Object.prototype.toJSON = function () { return "everything"; };
    for (const name of ["plain", "lists"]) print(name, makers[name]);
    delete Object.prototype.toJSON;
    Array.prototype.toJSON = () => "every list";
    print("plain", makers.plain);
    delete Array.prototype.toJSON;
    for (const prototype of [{ toJSON: () => "from above", __proto__: Object.prototype }, null]) {
      Object.setPrototypeOf(Array.prototype, prototype);
      print("plain", makers.plain);
      Object.setPrototypeOf(Array.prototype, Object.prototype);
    }
    print("plain", makers.plain);`);
});

test("a loop finds the keys of an object", () => {
  sameAsNode(`
    const keysOf = (value, onKey = () => {}) => { const keys = []; for (const key in value) { keys.push(key); onKey(key, value); } return keys; };
    class Base { inherited = 1; get accessor() { return 1; } }
    class Derived extends Base { own = 2; method() {} }
    const withoutOne = { a: 1, b: 2, c: 3 };
    delete withoutOne.b;
    const many = {};
    for (let n = 0; n < 100; n++) many["key" + n] = n;
    const values = [
      {}, { a: 1 }, { b: 1, a: 2, c: 3 }, { b: 1, 2: "two", a: 2, 1: "one" }, { b: 1, 3000000000: 2, a: 3, 2147483648: 4 }, { b: 1, 4294967295: 2 }, { "": 1, "\u20ac": 2 }, { [Symbol("s")]: 1, a: 2 },
      { get a() { return 1; }, b: 2 }, Object.defineProperty({ a: 1, b: 2 }, "a", { enumerable: false }), withoutOne, many,
      Object.create(null), Object.assign(Object.create(null), { a: 1 }), Object.create({ a: 1, b: 2 }, { b: { value: 1, enumerable: true } }),
      Object.create({ a: 1, b: 2 }, { b: { value: 1, enumerable: false } }), new Derived(), new Base(), JSON.parse('{"z":1,"y":2,"__proto__":3}'),
      Object.freeze({ a: 1, b: 2 }), [1, , 3], Object.assign([1], { a: 1 }), "text", 5, null, undefined, () => 1, new Map([[1, 2]]), new Proxy({ a: 1, b: 2 }, {}), new Uint8Array(2), new Error("x"),
    ];
    for (const value of values) out.push(keysOf(value));
    out.push(keysOf({ a: 1, b: 2, c: 3 }, (key, it) => { delete it.b; }));
    out.push(keysOf({ a: 1, b: 2, c: 3 }, (key, it) => { delete it[key]; }));
    out.push(keysOf({ a: 1, b: 2 }, (key, it) => { it["new" + key] = 1; }));
    const replaced = { a: 1, b: 2, c: 3 };
    out.push(keysOf(replaced, (key, it) => { it[key] = { was: it[key] }; delete it.c; it.c = 4; }), replaced);
    const kept = { a: { x: 1 }, b: { y: 2 } };
    for (const outer in kept) for (const inner in kept[outer]) out.push([outer, inner, kept[outer][inner]]);
    const same = () => ({ a: 1, b: 2 });
    for (const key in same()) { const other = same(); delete other.a; out.push(key, keysOf(other), keysOf(same())); break; }
    const left = (value) => { for (const key in value) if (key === "b") return key; };
    out.push(left({ a: 1, b: 2, c: 3 }));
    try { for (const key in { a: 1 }) throw new RangeError(key); } catch (error) { out.push(error.message); }
    Object.prototype.everywhere = 1;
    out.push(keysOf({ a: 1 }), keysOf([]), keysOf(Object.create(null)));
    delete Object.prototype.everywhere;
    out.push(keysOf({ a: 1 }));`);
});

test("a spread and a rest copy what the object has of its own", () => {
  sameAsNode(`
    const tell = (value) => [Object.entries(Object.getOwnPropertyDescriptors(value)), Object.getPrototypeOf(value) === Object.prototype];
    const key = Symbol("key");
    const gone = { a: 1, b: 2, c: 3 };
    delete gone.b;
    const hidden = Object.defineProperty({ a: 1 }, "secret", { value: 2, enumerable: false });
    const late = { get seen() { out.push("looked"); return 5; }, z: 1 };
    class Point { x = 1; y = 2; get sum() { return this.x + this.y; } }
    const sources = [
      {}, { a: 1 }, { a: 1, b: "two", c: [3], d: { e: 4 }, f: null, g: undefined, h: 1.5, i: true },
      { b: 1, 2: "two", 1: "one", a: 2 }, { b: 1, 3000000000: 2, a: 3, 4294967295: 4 }, { "-1": 1, "1.5": 2, "01": 3 },
      { [key]: 1, a: 2 }, gone, hidden, late, Object.freeze({ a: 1, b: 2 }), Object.seal({ a: 1 }), Object.preventExtensions({ a: 1 }),
      Object.create(null, { a: { value: 1, enumerable: true } }), { __proto__: null, a: 1 }, { __proto__: { inherited: 1 }, own: 2 },
      JSON.parse('{"__proto__":1,"a":2}'), new Point(), [1, , 3], 5, null, undefined, new Map([[1, 2]]), () => {}, new Error("no"),
      new Proxy({ a: 1, b: 2 }, { ownKeys: () => ["b", "a"] }),
    ];
    for (const source of sources) {
      out.push(tell({ ...source }), tell({ before: 0, ...source }), tell({ ...source, a: "after", z: 9 }), tell({ ...source, ...{ a: 7, n: 8 } }));
      if (source === null || source === undefined) continue;
      const { a, ...rest } = source;
      const { ["b"]: b, length, ...others } = source;
      out.push([typeof a, tell(rest), typeof b, tell(others)]);
    }
    out.push(tell({ get a() { return 1; }, ...{ a: 2 } }), tell({ ...{ a: 2 }, get a() { return 1; } }));
    out.push(Reflect.ownKeys({ ...{ [key]: 1, a: 2 } }).length, ({ ...{ [key]: 1 } })[key]);
    // Neither sees what becomes of the other.
    const first = { a: 1, b: 2 };
    const second = { ...first };
    const third = { ...first, c: 3 };
    const fourth = { ...second };
    first.a = 10; second.c = 20; delete third.a; fourth.b = { deep: 1 };
    Object.defineProperty(second, "b", { enumerable: false });
    Object.freeze(fourth);
    first.late = 1; delete first.b;
    out.push(tell(first), tell(second), tell(third), tell(fourth), JSON.stringify([first, second, third, fourth]));
    for (let i = 0; i < 40; i++) { const copy = { ...first, ["k" + i]: i }; const again = { ...copy }; copy["l" + i] = 1; out.push(Object.keys(again).length, Object.keys(copy).length); }
    const wide = Object.fromEntries(Array.from({ length: 60 }, (_, i) => ["w" + i, i]));
    const copied = { ...wide };
    copied.more = 1;
    for (let i = 0; i < 30; i++) delete copied["w" + i];
    out.push(tell(copied), Object.keys(wide).length);
  `);
});

test("JSON is read the same", () => {
  sameAsNode(String.raw`
    const texts = [
      "0", "-0", "1", "-1", "123456789", "1234567890", "-123456789", "0.5", "1e3", "1E-3", "12.50", "999999999999999999999",
      "01", "-", "+1", "1.", ".5", "1e", "0x1", "1n", "", " 7 ", "7 8", "NaN",
      '""', '"abc"', '"a', '"', '"a\\u0000b"', '"\\"\\\\/\\b\\f\\n\\r\\t"', '"tab\tin it"', '"\u007f\u00e9\u20ac"', '"\\ud83d\\ude00"', '"\\ud83d"', '"\\x41"', '"\\u12"', '"' + "x".repeat(5000) + '"',
      "{}", "[]", "[1,]", "{,}", '{"a"}', '{"a":}', '{"a":1,}', "{a:1}", "[1 2]", '{"a":1 "b":2}', "[[[[1]]]]", "true", "nul",
      '{"b":1,"a":2,"2":3,"1":4,"b":5}', '{"__proto__":1,"constructor":2,"toString":3}', '{"":{"":{"":1}}}', '{"\\u0061":1,"a":2}', '{"a":[1,{"b":null}],"c":"d"}',
    ];
    for (const text of texts) {
      try {
        const value = JSON.parse(text);
        out.push([text.slice(0, 20), JSON.stringify(value), Object.keys(Object(value)).slice(0, 9), String(Object.is(value, -0)), typeof value]);
      } catch (error) { out.push([text.slice(0, 20), error.name]); }
    }
    const number = JSON.parse("[5, 65535, 2147483648, 7.0]");
    out.push(number.map((it) => [it | 0, it >>> 0, it + 1, it * 0.5, it === Number(String(it)), Number.isInteger(it)]), new Map([[5, "five"]]).get(number[0]), [..."abcdefgh"][number[0]]);
    out.push(Object.hasOwn(JSON.parse('{"__proto__":1}'), "__proto__"), JSON.parse('{"a":[1,2]}', (key, value) => (Array.isArray(value) ? value.length : value)));`);
});

test("objects of a list are read the same, whether they are alike or not", () => {
  sameAsNode(`
    const objects = [
      '{"a":1,"b":{"c":[2]}}', '{"a":"x","b":null}', '{"b":1,"a":2}', '{"a":1}', '{"a":1,"b":2,"c":3}', "{}", '{"a":1,"a":2}',
      '{"a":1,"b":2,"a":3}', '{"2":1,"1":2}', '{"2":1,"a":2}', '{"__proto__":1,"a":2}', '{"a":[{"a":1},{"a":2}],"b":[{}]}', "7", "[8]", '"a"', "null",
    ];
    const show = (text) => {
      try {
        const value = JSON.parse(text);
        const keys = (it) => (typeof it === "object" && it !== null ? Object.entries(it).map(([key, inner]) => [key, keys(inner)]) : it);
        out.push([text, JSON.stringify(value), keys(value)]);
      } catch (error) { out.push([text, error.name]); }
    };
    for (const one of objects) for (const two of objects) for (const three of [one, objects[0], "{"]) show("[" + [one, two, three].join() + "]");
    for (const end of ["", "{", '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"a":1,"b"', '{"a":1,"b":2', '{"a":1,"b":x}', '{"b":x}', '{"a":1}}'])
      show('[{"a":1,"b":2},' + end + "]");
    show('{"list":[{"a":1},5],"list":6,"other":{"a":2}}');
    const [first, second, third] = JSON.parse('[{"a":1,"b":[]},{"a":2,"b":[]},{"a":3}]');
    second.a = 9; second.c = 1; delete first.a;
    out.push([first, second, third], JSON.parse('[{"a":1},{"a":2},{"b":3}]', (key, value) => (key === "a" ? -value : value)));
    let state = 1;
    const random = (below) => (state = (state * 48271) % 2147483647) % below;
    const any = (depth) => {
      const kind = random(depth > 3 ? 3 : 6);
      if (kind < 3) return [random(100), "text" + random(9), null][kind];
      if (kind < 5) return Array.from({ length: random(6) }, () => any(depth + 1));
      return Object.fromEntries(Array.from({ length: random(5) }, (_, at) => ["abcde"[random(2) ? at : random(5)], any(depth + 1)]));
    };
    for (let round = 0; round < 300; round++) {
      const text = JSON.stringify(Array.from({ length: 8 }, () => any(0)));
      out.push(JSON.stringify(JSON.parse(text)) === text);
    }
  `);
});

test("texts are found in texts, and change their case", () => {
  sameAsNode(`
    const texts = ["", "a", "aa", "aab", "abcabc", "b\\u00e9\\u00e9", "\\u20ac\\u20acuro", "a\\u0000b", "xaXA", "\\u0130\\u00df\\u03a3 \\u03a3", "AZaz[\`{@"];
    const places = [undefined, -1, 0, 1, 2, 5, 100, NaN, Infinity, "1"];
    for (const text of texts) {
      out.push([text.toLowerCase(), text.toUpperCase()]);
      for (const part of texts) {
        for (const place of places) {
          out.push([text.indexOf(part, place), text.lastIndexOf(part, place), text.includes(part, place), text.startsWith(part, place), text.endsWith(part, place)]);
        }
      }
    }
    out.push("null and undefined".includes(null), "null and undefined".indexOf(undefined));`);
});

test("the code of a character is that of the text it is asked of", () => {
  sameAsNode(`
    const codeOf = (text, place) => { const code = text.charCodeAt(place); return String(code); };
    const lastOf = (text) => text.charCodeAt(text.length - 1);
    let rope = "";
    for (let n = 0; n < 2000; n++) rope += "ab";
    for (const text of ["", "abc", "\\u00e9", "\\u20ac\\ud83d\\ude00", rope, rope + "c"]) {
      for (const place of [0, 1, 2, -1, 3999, 1.5, NaN, "1", undefined, null]) out.push(codeOf(text, place));
      out.push(String(lastOf(text)));
    }
    out.push(codeOf({ charCodeAt: (place) => place + 1 }, 2));
    out.push(["a", "b"].map(String.prototype.charCodeAt.call, String.prototype.charCodeAt).map(String));
    try { codeOf(null, 0); } catch (error) { out.push(error.name); }
    try { codeOf({ charCodeAt: String.prototype.charCodeAt, toString() { throw new RangeError("no"); } }, 0); } catch (error) { out.push(error.name); }
    const own = String.prototype.charCodeAt;
    String.prototype.charCodeAt = () => "changed";
    out.push(codeOf("abc", 0));
    String.prototype.charCodeAt = own;`);
});

test("what is stored by a computed key is computed in the same order", () => {
  sameAsNode(`
    const say = (what, value) => (out.push(what), value);
    const key = (name) => ({ toString: () => say("text of " + name, name) });
    const attempt = (work) => {
      try { out.push(work() ?? "done"); } catch (error) { out.push(error.name); }
    };
    const object = {};
    attempt(() => (say("object", object)[say("key", key("a"))] = say("value", 1)));
    attempt(() => { object[key("b")] = say("value", 2); });
    attempt(() => { let k = key("c"), v = 3; object[k] = v; });
    attempt(() => { say("object", null)[say("key", "a")] = say("value", 1); });
    attempt(() => { let nothing; nothing[say("key", 0)] = say("value", 1); });
    attempt(() => { say("object", Object.freeze([]))[say("key", 0)] = say("value", 1); });
    attempt(() => { say("object", 5)[say("key", key("d"))] = 1; });
    attempt(() => { object[Symbol.iterator] = 4; return object[Symbol.iterator]; });
    attempt(() => { object[1.5] = object[-1] = object["2"] = 5; return Object.entries(object).join(); });
    attempt(() => { const list = []; let i = 0; list[i++] = i++; list[i] = list[0]; return list.length; });
    attempt(() => { const bytes = new Uint8Array(4); for (let i = 0; i < 6; i++) bytes[i] = i * 100; return bytes.join(); });
    attempt(() => { [object[say("key", "e")], object["f"]] = say("value", [6, 7]); return object.f; });
    attempt(() => { for (object[say("key", "g")] of [8, 9]) say("round " + object.g); });
    attempt(() => { object["h"] ??= say("value", 10); return object.h; });
    attempt(() => { object["h"] ??= say("never", 11); return object.h; });
  `);
});

test("an error that is thrown again keeps its stack", () => {
  const printed = onEngine(`
    const fail = () => { throw new Error("first"); };
    const again = () => { try { fail(); } catch (error) { throw error; } };
    const last = () => { try { again(); } finally { out.push("passed"); } };
    try { last(); } catch (error) { out.push(error.stack.split("\\n")[0].trim().split(" ")[1]); }
    try { null.x; } catch (error) { out.push(typeof error.stack, error.stack.length > 10); }
    try { throw "a text"; } catch (error) { out.push(error); }`);
  for (const text of printed)
    assert.deepEqual(JSON.parse(text), ["passed", "fail", "string", true, "a text"]);
});
