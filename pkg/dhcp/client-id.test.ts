import assert from "node:assert/strict";
import test from "node:test";
import { decode } from "../sys/text.ts";
import { containerClientId, duidClientId, fqdnOption, iaidOf, macClientId } from "./client-id.ts";

const attachment = { network: "net1", containerId: "c1", ifName: "eth0" };

test("the container's id is the reference's", () => {
  assert.equal(decode(containerClientId(attachment)), "\0c1/net1/eth0");
});

test("ids too long for the option stay apart", () => {
  const long = (ifName: string) => ({
    network: "n".repeat(200),
    containerId: "c".repeat(100),
    ifName,
  });
  const [a, b] = [containerClientId(long("eth0")), containerClientId(long("eth1"))];
  assert.ok(a.length <= 255 && b.length <= 255);
  assert.notDeepEqual(a, b);
});

test("a DUID is the container's, whatever its interface; the IAID tells those apart (RFC 4361)", () => {
  const [a, b] = [duidClientId(attachment), duidClientId({ ...attachment, ifName: "net1" })];
  assert.equal(a.length, 1 + 4 + 18);
  assert.deepEqual([a[0], a[5], a[6]], [255, 0, 4]);
  assert.deepEqual(a.subarray(5), b.subarray(5));
  assert.notDeepEqual(iaidOf(attachment), iaidOf({ ...attachment, ifName: "net1" }));
});

test("a MAC address as an id carries its type", () => {
  assert.deepEqual(
    macClientId(Uint8Array.of(2, 0, 0, 0, 0, 1)),
    Uint8Array.of(1, 2, 0, 0, 0, 0, 1),
  );
});

test("a full name and a partial one (RFC 4702)", () => {
  assert.deepEqual(fqdnOption("a.bc"), Uint8Array.of(5, 0, 0, 1, 97, 2, 98, 99, 0));
  assert.deepEqual(fqdnOption("a"), Uint8Array.of(5, 0, 0, 1, 97));
  assert.equal(fqdnOption("a b"), undefined);
});
