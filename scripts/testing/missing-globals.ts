/** Names that fast-check looks up while it loads. The engine has no timers, and the tests must not want any. */

function noTimers(): never {
  throw new Error("the engine has no timers");
}

Object.assign(globalThis, { setTimeout: noTimers, clearTimeout: noTimers });
