import assert from "node:assert/strict";
import test from "node:test";
import { symlink } from "../../../pkg/sys/file.ts";
import { Scratch } from "../../../pkg/sys/testing/scratch.ts";
import { encode } from "../../../pkg/sys/text.ts";
import { createExclusive } from "../../../pkg/sys/whole-file.ts";
import { formatOwner, listReserved, parseOwner, readOwner } from "./reservation.ts";

const cases = [
  { content: "abc\r\neth0", owner: { containerId: "abc", ifName: "eth0" } },
  { content: " abc\r\neth0\n", owner: { containerId: "abc", ifName: "eth0" } },
  { content: "abc", owner: { containerId: "abc", ifName: "" } },
  { content: "abc\r\n", owner: { containerId: "abc", ifName: "" } },
  { content: "", owner: undefined },
  { content: "\r\n", owner: undefined },
  { content: "\0\0\0\0\0\0", owner: undefined },
  { content: "abc\r\neth0\r\nmore", owner: undefined },
  { content: "abc\neth0", owner: undefined },
  { content: "abc\r\nno name", owner: undefined },
];

for (const { content, owner } of cases) {
  const what = owner ? `names ${JSON.stringify(owner)}` : "names nobody";
  test(`a reservation with ${JSON.stringify(content)} ${what}`, () => {
    assert.deepEqual(parseOwner(content), owner);
  });
}

test("an owner is written as the reference writes it", () => {
  assert.equal(formatOwner({ containerId: "abc", ifName: "eth0" }), "abc\r\neth0");
});

test("the reservations among other files are those named like addresses", () => {
  using scratch = new Scratch();
  const addresses = ["10.1.0.2", "::1", "fd00::2", "fd00:0:0:1::", "::ffff:1.2.3.4"];
  const others = ["lock", "last_reserved_ip.0", ".tmp-abc", "abc", "1.2", "10.1.0.2.bak", "a"];
  for (const name of [...addresses, ...others]) createExclusive(scratch.dir, name, encode("a"));
  assert.deepEqual(listReserved(scratch.dir).sort(), addresses.sort());
});

test("a link in a reservation's place is not followed", () => {
  using scratch = new Scratch();
  createExclusive(scratch.dir, "file", encode("a\r\neth0"));
  symlink("file", "10.1.0.2", scratch.dir);
  assert.equal(readOwner(scratch.dir, "10.1.0.2"), "unknown");
  assert.deepEqual(readOwner(scratch.dir, "file"), { containerId: "a", ifName: "eth0" });
});
