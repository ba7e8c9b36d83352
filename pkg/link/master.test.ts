import assert from "node:assert/strict";
import test from "node:test";
import type { Link } from "../netlink/rtnetlink/link.ts";
import { chainedInterface, mtuOn } from "./master.ts";

const master = { mtu: 1500 } as Link;

test("an interface has its master's MTU unless told otherwise", () => {
  assert.equal(mtuOn(master, {}), 1500);
  assert.equal(mtuOn(master, { mtu: 0 }), 1500);
  assert.equal(mtuOn(master, { mtu: 1400 }), 1400);
  assert.equal(mtuOn(master, { mtu: 1500 }), 1500);
});

test('"auto" leaves the overhead free', () => {
  assert.equal(mtuOn(master, { mtu: "auto" }), 1500);
  assert.equal(mtuOn(master, { mtu: "auto", mtuOverhead: 50 }), 1450);
});

test("an MTU that the master cannot pass is refused in the reference's words", () => {
  assert.throws(
    () => mtuOn(master, { mtu: 1501 }),
    /invalid MTU 1501, must be \[0, master MTU\(1500\)\]/,
  );
  assert.throws(() => mtuOn(master, { mtu: "auto", mtuOverhead: 1501 }), /invalid MTU -1,/);
});

test("the chain's interface is its only one", () => {
  const result = (...names: string[]) => ({
    cniVersion: "1.1.0",
    interfaces: names.map((name) => ({ name })),
  });
  assert.equal(chainedInterface(result("eth0")), "eth0");
  for (const other of [undefined, result(), result(""), result("a", "b")]) {
    assert.throws(() => chainedInterface(other), /chained master failure/);
  }
});
