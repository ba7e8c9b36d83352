/** Stands in for `node:assert/strict` on the engine, as far as the tests use it. */

import { deepEqual as isDeepEqual } from "./deep-equal.ts";
import { inspect } from "./inspect.ts";

type Message = string | Error;

/** What a thrown error is held against: its text, its properties, its class, or a judge. */
type Expectation = RegExp | object | ((error: unknown) => unknown);

export class AssertionError extends Error {
  override readonly name = "AssertionError";
  readonly code = "ERR_ASSERTION";
}

function refuse(words: string, message?: Message): never {
  if (message instanceof Error) throw message;
  throw new AssertionError(message === undefined ? words : `${message}\n${words}`);
}

function assert(value: unknown, message?: Message): void {
  if (!value) refuse(`expected something true, got ${inspect(value)}`, message);
}

export { assert as ok };

export function equal(actual: unknown, expected: unknown, message?: Message): void {
  if (!Object.is(actual, expected)) refuse(difference(actual, expected), message);
}

export function notEqual(actual: unknown, expected: unknown, message?: Message): void {
  if (Object.is(actual, expected)) refuse(`expected anything but ${inspect(actual)}`, message);
}

export function deepEqual(actual: unknown, expected: unknown, message?: Message): void {
  if (!isDeepEqual(actual, expected)) refuse(difference(actual, expected), message);
}

export function notDeepEqual(actual: unknown, expected: unknown, message?: Message): void {
  if (isDeepEqual(actual, expected)) refuse(`expected anything but ${inspect(actual)}`, message);
}

export function match(text: string, pattern: RegExp, message?: Message): void {
  if (typeof text !== "string" || !search(pattern, text)) {
    refuse(`expected ${inspect(text)} to match ${pattern}`, message);
  }
}

export function doesNotMatch(text: string, pattern: RegExp, message?: Message): void {
  if (typeof text !== "string" || search(pattern, text)) {
    refuse(`expected ${inspect(text)} not to match ${pattern}`, message);
  }
}

export function fail(message: Message = "failed"): never {
  refuse("failed", message);
}

export function throws(
  act: () => unknown,
  expected?: Expectation | string,
  message?: Message,
): void {
  let error: unknown;
  try {
    act();
  } catch (thrown) {
    error = thrown;
    judge(error, expected, message);
    return;
  }
  refuse("expected an exception", typeof expected === "string" ? expected : message);
}

export function doesNotThrow(act: () => unknown): void {
  act();
}

export async function rejects(
  act: Promise<unknown> | (() => Promise<unknown>),
  expected?: Expectation | string,
  message?: Message,
): Promise<void> {
  try {
    await (typeof act === "function" ? act() : act);
  } catch (error) {
    judge(error, expected, message);
    return;
  }
  refuse("expected a rejection", typeof expected === "string" ? expected : message);
}

function judge(error: unknown, expected?: Expectation | string, message?: Message): void {
  if (expected === undefined || typeof expected === "string") return;
  if (expected instanceof RegExp) {
    if (!search(expected, String(error))) {
      refuse(`expected ${inspect(String(error))} to match ${expected}`, message);
    }
  } else if (typeof expected === "function") {
    judgeByFunction(error, expected as (error: unknown) => unknown, message);
  } else {
    judgeByProperties(error, expected, message);
  }
}

/** A class must be the error's own or a parent of it; any other function must answer true. */
function judgeByFunction(error: unknown, judgeOf: (error: unknown) => unknown, message?: Message) {
  const { prototype } = judgeOf;
  if (prototype !== undefined && error instanceof judgeOf) return;
  if (prototype instanceof Error || judgeOf === Error) {
    refuse(`expected a ${judgeOf.name}, got ${inspect(error)}`, message);
  }
  if (judgeOf(error) !== true) refuse(`expected another error than ${inspect(error)}`, message);
}

function judgeByProperties(error: unknown, expected: object, message?: Message): void {
  const keys: PropertyKey[] = Reflect.ownKeys(expected);
  if (expected instanceof Error) keys.push("name");
  for (const key of keys) {
    if (key === "stack") continue;
    const wanted: unknown = Reflect.get(expected, key);
    const present = Object(error) === error && key in (error as object);
    const held: unknown = present ? Reflect.get(error as object, key) : undefined;
    const agrees =
      wanted instanceof RegExp && typeof held === "string"
        ? search(wanted, held)
        : isDeepEqual(held, wanted);
    if (!present || !agrees)
      refuse(`of the error's ${String(key)}: ${difference(held, wanted)}`, message);
  }
}

function search(pattern: RegExp, text: string): boolean {
  pattern.lastIndex = 0;
  return pattern.test(text);
}

function difference(actual: unknown, expected: unknown): string {
  return `got      ${inspect(actual)}\nexpected ${inspect(expected)}`;
}

// biome-ignore lint/style/noDefaultExport: node:assert/strict has one
export default Object.assign(assert, {
  AssertionError,
  ok: assert,
  equal,
  notEqual,
  strictEqual: equal,
  notStrictEqual: notEqual,
  deepEqual,
  notDeepEqual,
  deepStrictEqual: deepEqual,
  match,
  doesNotMatch,
  throws,
  doesNotThrow,
  rejects,
  fail,
});
