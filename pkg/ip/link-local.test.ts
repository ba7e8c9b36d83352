import assert from "node:assert/strict";
import test from "node:test";
import { linkLocalOf } from "./link-local.ts";
import { formatPrefix } from "./prefix.ts";

/** What `ip address` shows of links with these MAC addresses. */
const cases = [
  ["02:00:00:00:00:01", "fe80::ff:fe00:1/64"],
  ["0a:58:0a:01:00:ff", "fe80::858:aff:fe01:ff/64"],
  ["fe:dc:ba:98:76:54", "fe80::fcdc:baff:fe98:7654/64"],
  ["34:56:78:9A:BC:DE", "fe80::3656:78ff:fe9a:bcde/64"],
] as const;

for (const [mac, address] of cases) {
  test(`linkLocalOf() makes ${address} of ${mac}`, () => {
    const made = linkLocalOf(mac);
    assert.equal(made && formatPrefix(made), address);
  });
}

test("linkLocalOf() makes nothing of an address that is not Ethernet's", () => {
  assert.equal(linkLocalOf("aabb.ccdd.eeff.0011"), undefined);
  assert.equal(linkLocalOf(""), undefined);
});
