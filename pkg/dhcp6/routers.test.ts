import assert from "node:assert/strict";
import test from "node:test";
import { newDiscovery, type Router, routersDue } from "./routers.ts";

const router: Router = {
  address: "fe80::1",
  preference: 0,
  managed: false,
  other: false,
  mtu: undefined,
  until: 50_000,
  prefixes: [],
  routes: [],
  dns: [],
  search: [],
};

test("before its time nothing is due", () => {
  const discovery = { ...newDiscovery([router]), wakeAt: 9_000 };
  assert.deepEqual(routersDue(discovery, 8_999), {
    discovery,
    isAsking: false,
    hasForgotten: false,
  });
  assert.equal(routersDue(newDiscovery(), 8_999).isAsking, false);
});

test("a question without an answer is asked again, for as long as there is no router", () => {
  const asked = { ...newDiscovery(), wakeAt: 4_000, pause: 4_000, tries: 9 };
  const { isAsking, hasForgotten } = routersDue(asked, 4_000);
  assert.deepEqual([isAsking, hasForgotten], [true, false]);
});

test("routers from before are kept for three questions, then they count as told: what has ended is forgotten", () => {
  const asked = { ...newDiscovery([router]), wakeAt: 60_000, pause: 4_000 };
  assert.equal(routersDue({ ...asked, tries: 2 }, 60_000).hasForgotten, false);
  const due = routersDue({ ...asked, tries: 3 }, 60_000);
  assert.deepEqual(due.discovery.routers, []);
  assert.deepEqual([due.isAsking, due.hasForgotten], [true, true]);
  const held = { ...asked, routers: [{ ...router, until: 90_000 }], tries: 3 };
  const kept = routersDue(held, 60_000);
  assert.deepEqual([kept.isAsking, kept.hasForgotten], [false, true]);
  assert.equal(kept.discovery.wakeAt, 90_000);
});
