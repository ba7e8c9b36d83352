import assert from "node:assert/strict";
import test from "node:test";
import { hearMutated } from "./testing/mutate.ts";

test("ten thousand mutated packets: each is read or refused, some lead on, none to a lease of rubbish", () => {
  const { messages, leases, acted } = hearMutated(10_000, 12_345);
  // Otherwise nothing was shown.
  assert.ok(messages > 3_000 && leases > 1_000 && acted > 100, `${messages} ${leases} ${acted}`);
});
