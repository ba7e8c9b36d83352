import assert from "node:assert/strict";
import test from "node:test";
import { monotonicMs } from "./clock.ts";
import { type Operation, observe, tell } from "./trace.ts";

test("operations that end together took the same time, however long the observer takes", () => {
  const told: Operation[] = [];
  observe((operation) => {
    told.push(operation);
    for (const start = monotonicMs(); monotonicMs() < start + 2; );
  });
  try {
    const what = { errno: 0, failed: false, batch: 1 };
    tell("netlink", monotonicMs(), { purpose: "a", ...what }, { purpose: "b", ...what });
  } finally {
    observe(undefined);
  }
  assert.deepEqual(
    told.map(({ purpose, us }) => [purpose, us]),
    [
      ["a", told[0]?.us],
      ["b", told[0]?.us],
    ],
  );
});
