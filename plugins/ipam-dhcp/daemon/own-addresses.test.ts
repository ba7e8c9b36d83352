import assert from "node:assert/strict";
import test from "node:test";
import type { Surroundings } from "./lease-client.ts";
import { OwnAddresses } from "./own-addresses.ts";

function make(): OwnAddresses {
  const around = { log: () => {} } as unknown as Surroundings;
  return new OwnAddresses(
    around,
    { whose: "a", probing: () => ({ ms: 0, isPatient: false }) },
    () => {},
  );
}

const prefixes = (count: number, length: number) =>
  Array.from({ length: count }, (_, at) => `fd00:${(at + 1).toString(16)}::/${length}`);

test("however many prefixes routers tell, there are sixteen addresses", () => {
  const own = make();
  own.follow(prefixes(500, 64));
  assert.equal(own.usable.length, 16);
  own.follow(["fd00:9::/64"]);
  assert.deepEqual(
    own.usable.map(({ prefix }) => prefix),
    ["fd00:9::/64"],
  );
});

test("prefixes that do not fit are forgotten with their routers", () => {
  const own = make();
  own.follow(prefixes(500, 48));
  assert.deepEqual(own.usable, []);
  own.follow(["fd00:9::/64"]);
  assert.equal(own.usable.length, 1);
});
