import assert from "node:assert/strict";
import test from "node:test";
import { formatOwner, parseOwner } from "./reservation.ts";

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
