/** Declarations in place of object patterns: which, that the lines stay, and that programs do the same as before. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import test from "node:test";
import { runInNewContext } from "node:vm";
import { transformSync } from "esbuild";
import { withPlainPatterns } from "./plain-patterns.ts";

const root = resolve(import.meta.dirname, "..");
const esbuild = { loader: "ts", target: "es2023", supported: { using: true } } as const;

function lineCount(text: string): number {
  return text.split("\n").length;
}

const rewritten: Record<string, readonly (readonly [source: string, plain: string])[]> = {
  "variables take the properties of a variable": [
    ["const { a } = to;", "const a = to.a;"],
    ["let { a, b: c }: Pair = this;", "let a = this.a, c = this.b;"],
    ['const { "a-b": a, } = to', 'const a = to["a-b"]'],
    ["const { a = 1, b } = to;", "const _$1 = to.a, a = _$1 === void 0 ? 1 : _$1, b = to.b;"],
    ["const { a = b.c } = to;", "const _$1 = to, _$2 = _$1.a, a = _$2 === void 0 ? b.c : _$2;"],
    [
      "const one = 1, { a } = to, { b } = from, two = 2;",
      "const one = 1, a = to.a, b = from.b, two = 2;",
    ],
    ["switch (to) { case 1: const { a } = to; }", "switch (to) { case 1: const a = to.a; }"],
    ["class A { static { const { a } = to; } }", "class A { static { const a = to.a; } }"],
  ],
  "variables take the properties of a value, which stays as it is": [
    ["const { a } = to.it;", "const a = (to.it).a;"],
    ["const { a } = to?.it as It", "const a = (to?.it as It).a"],
    ["const { a, b: c } = get();", "const _$1 = get(), a = _$1.a, c = _$1.b;"],
    ["const { a = 1 } = (to);", "const _$1 = (to), _$2 = _$1.a, a = _$2 === void 0 ? 1 : _$2;"],
    [
      "const { a, b } = get(({ c }) => c);",
      "const _$1 = get((_$2) => { const c = _$2.c; return (c); }), a = _$1.a, b = _$1.b;",
    ],
    [
      "const { a } = to ?? (({ b }) => b);",
      "const a = (to ?? ((_$1) => { const b = _$1.b; return (b); })).a;",
    ],
  ],
  "parameters are taken apart at the head of the body": [
    [
      "function f(x: X, { a, b = B }: T) { return a; }",
      "function f(x: X, _$1: T) { const a = _$1.a, _$2 = _$1.b, b = _$2 === void 0 ? B : _$2; return a; }",
    ],
    [
      "const f = function ({ a }: T = {}, { b }) {};",
      "const f = function (_$1: T = {}, _$2) { const a = _$1.a, b = _$2.b;};",
    ],
    ["function f({ a }) { a++; }", "function f(_$1) { let a = _$1.a; a++; }"],
    ["function f({ a }) { [it.a, a] = b; }", "function f(_$1) { let a = _$1.a; [it.a, a] = b; }"],
    ["function f({ a }) { it.a = a; }", "function f(_$1) { const a = _$1.a; it.a = a; }"],
    [
      "function f([a] = g(), { b }, c = 1, ...d) {}",
      "function f([a] = g(), _$1, c = 1, ...d) { const b = _$1.b;}",
    ],
    [
      "class A extends B { constructor({ a }) { super(a); } set b({ a }) {} #c({ a }) {} }",
      "class A extends B { constructor(_$1) { const a = _$1.a; super(a); } set b(_$2) { const a = _$2.a;} #c(_$3) { const a = _$3.a;} }",
    ],
    ["const o = { f({ a }) {} };", "const o = { f(_$1) { const a = _$1.a;} };"],
  ],
  "an arrow function gets a body": [
    [
      "const f = ({ a }: X): number => a + 1, g = 1",
      "const f = (_$1: X): number => { const a = _$1.a; return (a + 1); }, g = 1",
    ],
    ["f(({ a }) => ({ a }));", "f((_$1) => { const a = _$1.a; return ({ a }); });"],
    ["f(({ a }) => { a(); });", "f((_$1) => { const a = _$1.a; a(); });"],
    [
      "const f = ({ a }) => ({ b }) => a + b;",
      "const f = (_$1) => { const a = _$1.a; return ((_$2) => { const b = _$2.b; return (a + b); }); };",
    ],
    ["f(({ a }) =>\n  a\n  + 1);", "f((_$1) =>\n  { const a = _$1.a; return (a\n  + 1); });"],
  ],
  "loops take theirs apart at the head of the block": [
    [
      "for (const { a, b: c } of list) { use(a); }",
      "for (const _$1 of list) { const a = _$1.a, c = _$1.b; use(a); }",
    ],
    ["for (let { a } of list) {\n a++; }", "for (let _$1 of list) { let a = _$1.a;\n a++; }"],
  ],
  "line breaks stay where they were, comments go": [
    [
      "const {\n  a, // one\n  /* two\n */ b,\n  c: d,\n} = to\nuse(a)",
      "const \na = to.a,\n\nb = to.b,\nd = to.c\n\nuse(a)",
    ],
    ["const {\n  a,\n} = get(\n  it,\n);", "const \n\na = (get(\n  it,\n)).a;"],
    [
      "function f({\n  a,\n  b,\n}: {\n  a: A,\n}) {\n}",
      "function f(_$1\n\n\n: {\n  a: A,\n}) { const a = _$1.a, b = _$1.b;\n}",
    ],
  ],
};

for (const [name, cases] of Object.entries(rewritten)) {
  test(name, () => {
    for (const [source, plain] of cases) {
      assert.equal(withPlainPatterns(source), plain);
      assert.equal(lineCount(plain), lineCount(source));
    }
  });
}

const left: Record<string, readonly string[]> = {
  "patterns stay that hold more than names": [
    "const { a, ...others } = to;",
    "const { a: { b } } = to;",
    "const { a: [b] } = to;",
    "const { a: { b } = {} } = to;",
    "const { [a]: b } = to;",
    "const { 0: a } = to;",
    "const {} = to;",
    "const { a = () => 1 } = to;",
    "const { a = class {} } = to;",
    "const { a = ([b] = c) } = to;",
    "const { a = [\n1] } = to;",
    "const [a] = to;",
    "function f({ a: { b } }, { ...c }) {}",
  ],
  "patterns stay that are not a statement's": [
    "export const { a } = to;",
    "for (let { a } = to; a < 1; a++) {}",
    "for (const { a } in to) {}",
    "for (const { a } of list) use(a);",
    "for (const { a } of list) { const a = 1; }",
    "for (const { a = b } of list) { const b = 1; }",
    "for ({ a } of list) {}",
    "({ a } = to);",
    "try {} catch ({ a }) {}",
    "var { a } = to;",
  ],
  "patterns stay whose value would be another one": [
    "const { a } = a;",
    "const { name } = function () {};",
    "const { name } = class {};",
    "const { name, length } = (() => 1) as any;",
    "const { name } = (function () {})!;",
    "const { name } = (class {});",
  ],
  "parameters stay that would be taken apart at another time": [
    "async function f({ a }) {}",
    "function* f({ a }) {}",
    "const f = async ({ a }) => a;",
    "function f({ a }, b = a) {}",
    "function f({ a }, b = () => a) {}",
    "function f({ a }, { b } = a) {}",
    "function f({ a }, b = g()) {}",
    "function f({ a }, { b } = it.b) {}",
    "function f({ a }, [b]) {}",
    "function f({ a }, { b: { c } }) {}",
    "function f({ a = ++n }, b = n) {}",
    "function f({ a }, b = [n]) {}",
    "function f({ a }, b = -n) {}",
    'function f({ a }) { "use it"; }',
    "function f({ a }, b = delete to.b) {}",
  ],
  "parameters stay that the body would hide": [
    "function f({ a }) { var a; }",
    "function f({ a }) { if (a) { for (var a of b); } }",
    "function f({ a }) { function a() {} }",
    "function f({ a = b }) { const [b] = it; }",
  ],
  "parameters stay of what is no function yet, or makes properties of them": [
    "function f({ a }: T): void;",
    "declare function f({ a }: T): void;",
    "type F = ({ a }: T) => void;",
    "abstract class A { abstract f({ a }: T): void; }",
    "class A { constructor(private b: B, { a }: T) {} }",
  ],
  "a source stays that has such names itself": ["const { a } = _$1;"],
};

for (const [name, sources] of Object.entries(left)) {
  test(name, () => {
    for (const source of sources) assert.equal(withPlainPatterns(source), source);
  });
}

test("what a pattern's names do not hide is no reason to stay", () => {
  const source = "function f({ a }) { const b: { a: A } = { a }; { const a = 1; } }";
  assert.match(withPlainPatterns(source), /^function f\(_\$1\) \{ const a = _\$1\.a; const b: /);
});

/** What programs have at hand: `log`, and `watch`, which logs what is read of an object. */
const helpers = `
const log = [];
const watch = (name, properties) => new Proxy(properties, {
  get(of, key) {
    log.push(\`\${name}.\${String(key)}\`);
    return of[key];
  },
});
const say = (value) => { log.push(value); return value; };
`;

const programs: Record<string, string> = {
  "each property is read once, in order, and defaults between them": `
    const it = watch("it", { b: null, c: 0, d: undefined, e: 5 });
    const { a = say("A"), b = say("B"), c: z = say("C"), d = say(a + "D"), e } = it;
    let { f = 1, g = f + 1 } = watch("other", { f: undefined });
    const { e: again } = watch("third", { e: say("first") });
    f += g;
    log.push(a, b, z, d, e, f, g, again);`,
  "a default that changes the variable": `
    let it: any = watch("it", { b: 1 });
    const { a = (it = { b: 2 }), b } = it;
    log.push(a, b);`,
  "parameters, one after the other": `
    function f(x: any, { a, b = say(a) }: any, { c = b, "d-e": d }: any = {}) {
      log.push(x, a, b, c, d);
    }
    f(1, watch("one", { a: 2 }), watch("two", { "d-e": 3 }));
    f(1, watch("one", { a: 2, b: 4 }));
    function g({ a }: any, b: any = say("late"), { c }: any) { log.push(a, b, c); }
    g(watch("one", { a: 1 }), undefined, watch("two", { c: 2 }));
    log.push(f.length, g.length, f.name);`,
  "assigned parameters are the function's own": `
    const it = { a: 1, b: 2 };
    const f = ({ a, b }: any) => { a++; [b] = [a + b]; for (a of [7, 8]); return [a, b, () => a]; };
    log.push(f(it), f(it)[2](), it);`,
  "closures in loops keep what they saw": `
    const seen: any[] = [];
    for (const { a, b = a * 2 } of [{ a: 1 }, { a: 2, b: 3 }]) seen.push(() => [a, b]);
    for (let { a } of [{ a: 1 }, { a: 2 }, { a: 3 }, { a: 4 }]) {
      if (a === 2) continue;
      if (a === 4) break;
      a *= 10;
      seen.push(() => a);
    }
    log.push(...seen.map((see) => see()));`,
  "defaults that change the parameter beside them": `
    function f({ a, b = (a = 2) }: any) { return [a, b]; }
    function g({ a }: any, { b = a++ }: any) { return [a, b]; }
    function h({ a, b }: any) { (a as any) = 5; b! += 1; for (a in { x: 1 }) {} return [a, b]; }
    function k({ a }: any, b = 0, c: any = {}, d: any = []) { return [a, b, c, d]; }
    log.push(f({ a: 1 }), f({ a: 1, b: 3 }), g({ a: 1 }, {}), h({ a: 1, b: 2 }), k({ a: 1 }));`,
  "defaults that run or spread something before the next is read": `
    let it: any = watch("it", { b: 1 });
    const { a = say\`tag\` , b } = it;
    const { c = [...[say("spread")]], d } = it;
    const { e = delete it.b, f } = it;
    log.push(a, b, c, d, e, f);`,
  recursion: `
    const depth = ({ inner, by = 1 }: any): number => inner ? by + depth(inner) : 0;
    function walk({ left, right, value }: any): any[] {
      return [...(left ? walk(left) : []), value, ...(right ? walk(right) : [])];
    }
    log.push(depth({ inner: { inner: { inner: {} , by: 5 } } }));
    log.push(walk({ left: { value: 1 }, value: 2, right: { value: 3, left: { value: 2.5 } } }));`,
  "constructors, methods and this": `
    class Base { made: any; constructor(made: any) { this.made = made; } }
    class Derived extends Base {
      #kept = 3;
      kept2 = 4;
      constructor({ a, b = a }: any) { super([a, b]); log.push(b); }
      set both({ a, b }: any) { this.made = [a, b, arguments.length]; }
      get({ by = this.#kept }: any = {}) { const { made, kept2 } = this; return [by, made, kept2]; }
      static of = ({ a }: any) => new this({ a });
    }
    const it = new Derived(watch("it", { a: 1 }));
    log.push(it.get(), it.get({ by: 9 }), Derived.of({ a: 2 }).made);
    it.both = { a: 5, b: 6 };
    log.push(it.made);`,
  "arrow functions of all forms": `
    const object = ({ a }: any) => ({ a });
    const list = ({ a }: any, [b]: any) => [a, b];
    const both = ({ a }: any) => ({ b }: any) => a + b;
    const comma = ({ a }: any) => (say(a), a + 1);
    const choice = ({ a }: any) => a ? ({ b }: any) => b : undefined;
    const { length } = [1, 2].map((a) => ({ a })).filter(({ a }) => a > 1)
    log.push(object({ a: 1 }), list({ a: 1 }, [2]), both({ a: 1 })({ b: 2 }), comma({ a: 1 }))
    log.push(choice({ a: 1 })?.({ b: 2 }), choice({ a: 0 }), length)`,
  "patterns that stay among those that do not": `
    const { a, ...others } = watch("it", { a: 1, b: 2, c: 3 }), { b, c } = others;
    const f = ({ x: { y }, z }: any, { w = ({ v }: any) => v }: any) => [y, z, w({ v: 3 })];
    function* g({ a }: any) { yield a; }
    log.push(a, b, c, f({ x: { y: 1 }, z: 2 }, {}), [...g({ a: 1 })]);`,
  "nothing to take apart": `
    const attempts: any[] = [
      (it: any) => { const { a } = it; },
      (it: any) => { const { a = say("default") } = it; },
      (it: any) => { const { a, b } = it.it; },
      (it: any) => { for (const { a } of [it]) { say(a); } },
      ({ a }: any) => a,
      ({ a = say("default") }: any = null) => a,
      function ({ a }: any) { say("body"); },
    ];
    for (const attempt of attempts) {
      for (const it of [null, undefined, { it: null }]) {
        try { log.push(attempt(it)); } catch (error) { log.push((error as any).name); }
      }
    }`,
  "nested functions in what is taken apart": `
    const { a, b } = [1, 2].reduce((sum: any, by) => ({ ...sum, [by]: by, a: by }), { b: 0 }) as any;
    const { run } = { run: ({ a }: any) => { const { b } = a; return ({ c = b }: any) => [b, c]; } };
    log.push(a, b, run({ a: { b: 1 } })({}));`,
};

for (const [name, program] of Object.entries(programs)) {
  test(`the same happens: ${name}`, () => {
    const source = `${helpers}{${program}\n}\nJSON.stringify(log);`;
    const plain = withPlainPatterns(source);
    const run = (text: string) => runInNewContext(transformSync(text, esbuild).code) as string;
    assert.notEqual(plain, source);
    assert.equal(run(plain), run(source));
    assert.ok(run(plain).length > 5);
  });
}

test("all of the suite can be rewritten, line by line", () => {
  let count = 0;
  for (const folder of ["pkg", "plugins", "libcni", "cnitool"]) {
    for (const name of readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })) {
      if (!name.endsWith(".ts")) continue;
      const source = readFileSync(join(root, folder, name), "utf8");
      const plain = withPlainPatterns(source);
      assert.equal(lineCount(plain), lineCount(source), name);
      assert.deepEqual(transformSync(plain, { ...esbuild, logLevel: "silent" }).warnings, [], name);
      if (plain !== source) count++;
    }
  }
  assert.ok(count > 100);
});
