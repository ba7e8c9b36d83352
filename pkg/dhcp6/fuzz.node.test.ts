import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { decodeAdvertisement } from "./advertisement.ts";
import { associationIn } from "./association.ts";
import { decodeMessage, encodeMessage } from "./message.ts";
import { decodePacket } from "./packet.ts";
import { hearRouter, newDiscovery, routesOf } from "./routers.ts";
import { iaid, Simulation } from "./testing/simulation.ts";

const runs = { numRuns: 3000 };

test("any bytes are a message or none, and a message reads the same once written again", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
      const message = decodeMessage(bytes);
      if (message === undefined) return;
      assert.deepEqual(encodeMessage(message), bytes);
      associationIn(message.options, iaid);
    }),
    runs,
  );
});

test("any association reads as one or none", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), (tail) => {
      const value = Uint8Array.from([...iaid, ...tail]);
      const found = associationIn([[3, value]], iaid);
      for (const { preferred, valid } of found?.addresses ?? []) assert.ok(preferred <= valid);
    }),
    runs,
  );
});

test("any bytes behind a router's head are an advertisement or none", () => {
  const head = [0x86, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), (tail) => {
      const source = { family: 6, value: 0xfe80n << 112n } as const;
      const message = Uint8Array.from([...head, ...tail]);
      const told = decodeAdvertisement({ source, destination: source, message });
      if (told === undefined) return;
      const known = hearRouter(newDiscovery(), told, 0);
      assert.ok(known.wakeAt === null || known.wakeAt > 0);
      assert.equal(
        routesOf(known, 0).some(({ prefix }) => prefix === "::/0"),
        true,
      );
    }),
    runs,
  );
});

test("any packet is one or none", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 90 }), fc.boolean(), (bytes, summed) => {
      const packet = decodePacket(bytes, summed);
      assert.ok(packet === undefined || packet.message.length <= bytes.length - 40);
    }),
    runs,
  );
});

const happening = fc.record({
  kind: fc.constantFrom("timer", "advertise", "reply", "forged", "probed"),
  late: fc.integer({ min: 0, max: 100_000 }),
  preferred: fc.integer({ min: 0, max: 0xffff_ffff }),
  valid: fc.integer({ min: 0, max: 0xffff_ffff }),
  status: fc.option(fc.integer({ min: 0, max: 6 }), { nil: undefined }),
  empty: fc.boolean(),
});

test("whatever happens in whatever order: a sane lease or none, and it wants to be woken", () => {
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 40 }), (happenings) => {
      const sim = new Simulation({ rapidCommit: true }, { probe: 100 });
      sim.start();
      for (const { kind, late, preferred, valid, status, empty } of happenings) {
        sim.now += late;
        if (kind === "timer") sim.happen({ type: "timer" });
        else if (kind === "probed")
          sim.happen({ type: "probed", taken: empty ? [] : ["fd00:9::10"] });
        else {
          const type = kind === "advertise" ? 2 : 7;
          const transaction = kind === "forged" ? 1 : sim.client.transaction;
          const addresses = empty ? [] : ["fd00:9::10"];
          const options = [[14, new Uint8Array(0)]] as const;
          sim.hear({ type, transaction, addresses, preferred, valid, status, options });
        }
        const { phase, lease, wakeAt } = sim.client;
        if (phase === "bound") assert.ok(lease !== undefined && lease.addresses.length > 0);
        else if (phase !== "stopped" && phase !== "probing") assert.ok(wakeAt !== null, phase);
      }
    }),
    { numRuns: 2000 },
  );
});
