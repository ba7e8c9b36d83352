import assert from "node:assert/strict";
import test from "node:test";
import { monotonicMs, realtimeMs, sleepMs, timespec } from "./clock.ts";
import { randomBytes } from "./random.ts";

test("the monotonic clock goes on while sleeping", () => {
  const start = monotonicMs();
  sleepMs(5);
  const passed = monotonicMs() - start;
  assert.ok(passed >= 5 && passed < 1000, String(passed));
});

test("the wall clock is the language's", () => {
  assert.ok(Math.abs(realtimeMs() - Date.now()) < 1000);
});

test("durations keep their fractions, and are never negative", () => {
  const view = (ms: number) => new DataView(timespec(ms).buffer);
  assert.equal(view(1500.25).getBigInt64(0, true), 1n);
  assert.equal(view(1500.25).getBigInt64(8, true), 500_250_000n);
  assert.equal(view(-1).getBigInt64(0, true), 0n);
  sleepMs(-1);
});

test("random bytes come in any number, and differ", () => {
  assert.equal(randomBytes(0).length, 0);
  assert.equal(randomBytes(1000).length, 1000);
  assert.ok(
    randomBytes(1000)
      .subarray(990)
      .some((byte) => byte !== 0),
  );
  assert.notDeepEqual(randomBytes(16), randomBytes(16));
});
