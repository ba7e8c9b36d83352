import assert from "node:assert/strict";
import test from "node:test";
import { inspect } from "./inspect.ts";
import ours from "./node-assert.ts";

class Point {
  readonly x: number;
  constructor(x: number) {
    this.x = x;
  }
}

function cycle(): object {
  const ring: Record<string, unknown> = { a: 1 };
  ring.self = ring;
  return ring;
}

const values: (() => unknown)[] = [
  () => 1,
  () => "1",
  () => 1n,
  () => Number.NaN,
  () => 0,
  () => -0,
  () => null,
  () => undefined,
  () => [],
  () => ({}),
  () => [undefined],
  () => new Array(1),
  () => [1, 2],
  () => new Uint8Array([1, 2]),
  () => new Uint8Array([1, 3]),
  () => new Int8Array([1, 2]),
  () => new Uint8Array([0, 1, 2]).subarray(1),
  () => new ArrayBuffer(2),
  () => ({ a: 1 }),
  () => ({ a: 1, b: undefined }),
  () => ({ a: 1n }),
  () => ({ a: { b: [1, { c: 2 }] } }),
  () => ({ a: { b: [1, { c: 3 }] } }),
  () => Object.assign(Object.create(null), { a: 1 }),
  () => new Point(1),
  () => ({ x: 1 }),
  () => new Map([["a", { b: 1 }]]),
  () => new Map([["a", { b: 2 }]]),
  () => new Map([["b", { b: 1 }]]),
  () => new Set([1, { a: 1 }]),
  () => new Set([{ a: 1 }, 1]),
  () => new Set([1, { a: 2 }]),
  () => new Date(5),
  () => new Date(6),
  () => /a/g,
  () => /a/i,
  () => new Error("a"),
  () => new Error("b"),
  () => new TypeError("a"),
  () => new Error("a", { cause: 1 }),
  () => Object(1),
  () => Object("1"),
  () => ({ [Symbol.for("s")]: 1 }),
  cycle,
];

function passes(act: () => void): boolean {
  try {
    act();
    return true;
  } catch {
    return false;
  }
}

test("equality on the engine is Node's", () => {
  for (const left of values.map((make) => make())) {
    for (const right of values.map((make) => make())) {
      const pair = `${inspect(left)} and ${inspect(right)}`;
      for (const name of ["equal", "notEqual", "deepEqual", "notDeepEqual"] as const) {
        const nodes = passes(() => assert[name](left, right));
        assert.equal(
          passes(() => ours[name](left, right)),
          nodes,
          `${name} of ${pair}`,
        );
      }
    }
  }
});

test("what is thrown is judged as on Node", () => {
  const expectations = [
    undefined,
    /^TypeError: no x$/,
    /other/,
    { message: "no x" },
    { message: /x$/, name: "TypeError" },
    { message: "no y" },
    { message: "no x", code: undefined },
    TypeError,
    Error,
    RangeError,
    new TypeError("no x"),
    new TypeError("no y"),
    (error: unknown) => error instanceof Error,
    () => false,
  ];
  const acts = [
    () => {
      throw new TypeError("no x");
    },
    () => undefined,
  ];
  for (const act of acts) {
    for (const expected of expectations) {
      const nodes = passes(() => (expected ? assert.throws(act, expected) : assert.throws(act)));
      assert.equal(
        passes(() => ours.throws(act, expected)),
        nodes,
        inspect(expected),
      );
    }
  }
});

test("a rejection is judged as an exception is", async () => {
  await ours.rejects(Promise.reject(new Error("late")), /late/);
  await ours.rejects(async () => {
    throw new Error("late");
  }, Error);
  await assert.rejects(ours.rejects(Promise.resolve()), ours.AssertionError);
});
