import assert from "node:assert/strict";
import test from "node:test";
import { lentName, lentPrefix, originName, readOrigin } from "./borrowed.ts";

const attachment = { network: "net1", containerId: "c1", ifName: "eth0" };
const key = lentName(attachment);

const origins = [
  { name: "enp3s0f0", mtu: 1500, up: true, mac: "02:00:00:00:00:77" },
  { name: "a-b-c", mtu: 65536, up: false, mac: undefined },
  { name: "ib0", mtu: 2044, up: true, mac: Array(20).fill("ab").join(":") },
];
for (const origin of origins) {
  test(`a device's name tells that it was ${origin.name}`, () => {
    const altName = originName(key, origin);
    assert.ok(altName.length <= 127);
    assert.deepEqual(readOrigin(["enx1", key, altName]), origin);
  });
}

test("other names tell nothing", () => {
  assert.equal(readOrigin([]), undefined);
  assert.equal(readOrigin(["enp3s0", key, "tscni-1-2-up-x--y"]), undefined);
});

test("the name says which network, and differs by attachment", () => {
  assert.ok(key.startsWith(lentPrefix("net1")));
  assert.ok(!key.startsWith(lentPrefix("net2")));
  assert.notEqual(key, lentName({ ...attachment, ifName: "eth1" }));
});
