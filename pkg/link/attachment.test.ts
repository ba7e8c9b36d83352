import assert from "node:assert/strict";
import test from "node:test";
import { encode } from "../sys/text.ts";
import { aliasOf, hash32 } from "./attachment.ts";

test("aliasOf names network, container and interface", () => {
  const alias = aliasOf({ network: "podman", containerId: "c1", ifName: "eth0" });
  assert.equal(alias, "podman/c1/eth0");
});

test("aliasOf cuts what the kernel would refuse and keeps it distinct", () => {
  const long = "c".repeat(300);
  const one = aliasOf({ network: "n", containerId: `${long}1`, ifName: "eth0" });
  const two = aliasOf({ network: "n", containerId: `${long}2`, ifName: "eth0" });
  assert.notEqual(one, two);
  assert.match(one, /^n\/c{200,}~[0-9a-f]{16}\/eth0$/);
  assert.equal(encode(one).length, 254);
  const wide = aliasOf({ network: "n", containerId: long, ifName: "ééé0" });
  assert.equal(encode(wide).length, 254);
});

test("hash32 matches published FNV-1a vectors", () => {
  assert.equal(hash32("", 0), "811c9dc5");
  assert.equal(hash32("a", 0), "e40c292c");
  assert.equal(hash32("foobar", 0), "bf9cf968");
});

test("hash32 gives other digits for another salt", () => {
  assert.notEqual(hash32("podman/c1/eth0", 0), hash32("podman/c1/eth0", 1));
});
