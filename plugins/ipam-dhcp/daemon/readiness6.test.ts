import assert from "node:assert/strict";
import test from "node:test";
import { newDiscovery } from "../../../pkg/dhcp6/routers.ts";
import { newClient } from "../../../pkg/dhcp6/state.ts";
import { isReady, nextLook, type Standing } from "./readiness6.ts";

const identity = {
  duid: new Uint8Array(10),
  iaid: new Uint8Array(4),
  request: [],
  provide: [],
  rapidCommit: false,
  stateless: false,
};
const lease = {
  addresses: ["fd00::5"],
  dns: [],
  search: [],
  server: "00",
  renewAt: 50_000,
  rebindAt: 80_000,
  expiresAt: 100_000,
};
const client = newClient(identity, { giveUp: 60_000, probe: 0 });
const leased = { ...client, phase: "bound" as const, lease, wakeAt: 50_000 };

const standing: Standing = {
  client,
  discovery: newDiscovery(),
  slaac: false,
  own: 0,
  began: 1_000,
  giveUp: 60_000,
  settingsBy: null,
  hasAnswered: false,
};

test("isReady() waits for a router, and goes without one in the end", () => {
  const bound = { ...standing, client: leased };
  assert.equal(isReady(standing, 9_000), false);
  assert.equal(isReady(bound, 5_999), false);
  assert.equal(isReady(bound, 6_000), true);
  assert.equal(isReady({ ...bound, client: { ...leased, phase: "probing" } }, 6_000), false);
});

test("isReady() with routers' addresses waits for settings where somebody has some", () => {
  const made = { ...standing, slaac: true, own: 1 };
  assert.equal(isReady({ ...made, own: 0 }, 9_000), false);
  assert.equal(isReady(made, 1_000), true);
  assert.equal(isReady({ ...made, settingsBy: 3_000 }, 2_999), false);
  assert.equal(isReady({ ...made, settingsBy: 3_000 }, 3_000), true);
  assert.equal(isReady({ ...made, settingsBy: 3_000, client: leased }, 1_000), true);
});

test("nextLook() is the earliest of what is to come, and now for what is due", () => {
  assert.equal(nextLook(standing, 1_000), 6_000);
  assert.equal(nextLook(standing, 6_000), 61_000);
  assert.equal(nextLook({ ...standing, settingsBy: 3_000 }, 1_000), 3_000);
  const held = { ...standing, client: leased, hasAnswered: true };
  assert.equal(nextLook(held, 7_000), 50_000);
  assert.equal(nextLook(held, 50_001), 50_001);
  assert.equal(nextLook({ ...held, client }, 7_000), null);
});
