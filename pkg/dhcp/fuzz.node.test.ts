import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { step } from "./client.ts";
import { decodeFrame } from "./frame.ts";
import { decodeMessage, encodeMessage } from "./message.ts";
import { type Client, newClient } from "./state.ts";
import { identity, patience, Simulation } from "./testing/simulation.ts";

const runs = { numRuns: 3000 };

test("whatever comes is a message or none, and reads the same once written again", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.integer({ min: 0, max: 7 }),
      (tail, overload) => {
        const head = encodeMessage(new Simulation().reply({})).subarray(0, 240);
        const bytes = Uint8Array.from([...head, 52, 1, overload, ...tail]);
        const message = decodeMessage(bytes);
        if (message === undefined) return;
        const total = [...message.options.values()].reduce((sum, { length }) => sum + length, 0);
        assert.ok(total <= bytes.length);
        const { options } = decodeMessage(encodeMessage(message)) ?? {};
        if (!message.options.has(52) || overload === 0) assert.deepEqual(options, message.options);
      },
    ),
    runs,
  );
});

test("any bytes are a frame or none", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), (bytes, summed) => {
      const frame = decodeFrame(bytes, summed);
      assert.ok(frame === undefined || frame.payload.length <= bytes.length);
    }),
    runs,
  );
});

/** What may happen to a client, in terms that fit whatever state it is in. */
const happening = fc.record({
  kind: fc.constantFrom("timer", "offer", "ack", "nak", "probed", "forged"),
  late: fc.integer({ min: 0, max: 100_000 }),
  lease: fc.integer({ min: 0, max: 0xffff_ffff }),
  options: fc.array(fc.tuple(fc.integer({ min: 1, max: 254 }), fc.uint8Array({ maxLength: 40 })), {
    maxLength: 4,
  }),
  taken: fc.boolean(),
});

test("whatever happens in whatever order: the client holds a sane lease or none, and wants to be woken", () => {
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 40 }), (happenings) => {
      const sim = new Simulation({}, { probe: 100 });
      sim.start();
      for (const { kind, late, lease, options, taken } of happenings) {
        sim.now += late;
        if (kind === "timer") sim.happen({ type: "timer" });
        else if (kind === "probed") sim.happen({ type: "probed", taken });
        else {
          const type = { offer: 2, ack: 5, nak: 6, forged: 5 }[kind as "offer"];
          const xid = kind === "forged" ? 1 : sim.client.exchange.xid;
          sim.hear({ type, lease, options, xid });
        }
        checkSanity(sim.client);
      }
    }),
    { numRuns: 2000 },
  );
});

function checkSanity(client: Client): void {
  const { lease, phase, wakeAt } = client;
  if (phase === "bound" || phase === "renewing" || phase === "rebinding") {
    assert.ok(lease !== undefined);
    assert.ok(lease.expiresAt === null || lease.expiresAt > lease.since);
    assert.ok(lease.prefixLength > 0 && lease.prefixLength <= 32);
    assert.ok(wakeAt !== null || lease.expiresAt === null);
  } else if (phase !== "stopped" && phase !== "probing") assert.ok(wakeAt !== null);
}

test("a saved lease of any age is gone on with", () => {
  const { lease } = new Simulation().bind().client;
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10_000_000 }), fc.integer(), (now, random) => {
      const { client } = step(
        newClient(identity, patience, lease),
        { type: "start" },
        { now, random },
      );
      assert.notEqual(client.phase, "init");
    }),
    { numRuns: 500 },
  );
});
