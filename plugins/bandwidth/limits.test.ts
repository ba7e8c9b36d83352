import assert from "node:assert/strict";
import test from "node:test";
import * as v from "valibot";
import { CniError } from "../../pkg/cni/error.ts";
import { bandwidthEntries, limitsOf } from "./limits.ts";

const limits = (keys: object) => limitsOf(v.parse(v.object(bandwidthEntries), keys));
const error = (code: number, message: RegExp | string) => (thrown: unknown) => {
  assert.ok(thrown instanceof CniError);
  assert.equal(thrown.code, code);
  if (typeof message === "string") assert.equal(thrown.message, message);
  else assert.match(thrown.message, message);
  return true;
};

test("limitsOf() has the reference's numbers: 8 Mbit with a burst of 80 kbit", () => {
  const { ingress, egress } = limits({ ingressRate: 8_000_000, ingressBurst: 80_000 });
  assert.deepEqual(ingress, { rate: 1_000_000, burst: 10_000, limit: 35_000, buffer: 156_250 });
  assert.equal(egress, undefined);
});

for (const burst of [undefined, 0, 2 ** 31 - 1, 2 ** 32 - 1]) {
  test(`limitsOf() derives the burst from the rate where it is ${burst}`, () => {
    const keys = (egressRate: number) => ({ egressRate, egressBurst: burst });
    assert.equal(limits(keys(80_000_000)).egress?.burst, 500_000);
    assert.equal(limits(keys(1_000_000)).egress?.burst, 16_384);
  });
}

test("limitsOf() takes the runtime's limits only where the configuration has no key of its own", () => {
  const runtimeConfig = { bandwidth: { ingressRate: 8000, ingressBurst: 80_000 } };
  assert.equal(limits({ runtimeConfig }).ingress?.rate, 1000);
  assert.deepEqual(limits({ runtimeConfig, egressRate: 0 }), {
    ingress: undefined,
    egress: undefined,
  });
  assert.deepEqual(limits({}), { ingress: undefined, egress: undefined });
});

test("limitsOf() takes rates that 32 bits do not hold, and cuts a bucket that they do not", () => {
  assert.deepEqual(limits({ ingressRate: 2 ** 36, ingressBurst: 2 ** 23 }).ingress, {
    rate: 2 ** 33,
    burst: 2 ** 20,
    limit: Math.trunc(2 ** 33 * 0.025) + 2 ** 20,
    buffer: Math.trunc(122 * 15.625),
  });
  assert.equal(limits({ ingressRate: 8000, ingressBurst: 2 ** 34 }).ingress?.buffer, 0xffffffff);
});

for (const [keys, code, message] of [
  [{ ingressRate: 1 }, 7, "ingressRate 1 is less than a byte a second"],
  [{ egressRate: 7, egressBurst: 8 }, 7, "egressRate 7 is less than a byte a second"],
  [{ ingressBurst: 8 }, 7, "if burst is set, rate must also be set"],
  [{ ingressRate: 0, ingressBurst: 8 }, 7, "if burst is set, rate must also be set"],
  [{ ingressRate: 8, ingressBurst: 7 }, 7, "ingressBurst 7 is less than a byte"],
  [{ ingressRate: 8e12, ingressBurst: 80 }, 7, /is more than can be limited$/],
  [{ ingressRate: 8e10, ingressBurst: 80 }, 7, /^ingressBurst 80 is too little for a rate of/],
  [{ ingressRate: 8, ingressBurst: 2 ** 35 }, 7, "burst cannot be more than 4GB"],
  [{ unshapedSubnets: ["10.0.0.0/8"] }, 2, /^unsupported field "unshapedSubnets"/],
  [{ runtimeConfig: { bandwidth: { shapedSubnets: [] } } }, 2, /^unsupported field "shapedSubn/],
] as const) {
  test(`limitsOf() refuses ${JSON.stringify(keys)}`, () => {
    assert.throws(() => limits(keys), error(code, message));
  });
}

for (const rate of [-1, 1.5, "8", 2 ** 64]) {
  test(`the table refuses a rate of ${JSON.stringify(rate)}`, () => {
    assert.throws(() => limits({ ingressRate: rate }), v.ValiError);
  });
}
