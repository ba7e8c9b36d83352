import assert from "node:assert/strict";
import test from "node:test";
import { encodeProbe, showsConflict } from "./arp.ts";
import { decodeFrame, encodeFrame } from "./frame.ts";
import { mac } from "./testing/simulation.ts";

const ends = { source: 0x0a090001, destination: 0xffffffff };

/** The packet a server would send: ours with the ports the other way round, which leaves the sums as they are. */
function reply(length = 11): Uint8Array {
  const frame = encodeFrame(
    Uint8Array.from({ length }, (_, at) => at),
    ends,
  );
  [frame[21], frame[23]] = [67, 68];
  return frame;
}

test("a frame has the lengths and checksums that others expect", () => {
  const frame = encodeFrame(Uint8Array.of(1, 2, 3), ends);
  assert.equal(
    Array.from(frame, (byte) => byte.toString(16).padStart(2, "0")).join(""),
    "4500001f00000000401170c50a090001ffffffff00440043000bf145010203",
  );
});

test("a frame to the client's port is read, whatever is behind it", () => {
  const frame = reply();
  const padded = new Uint8Array(frame.length + 9).fill(7);
  padded.set(frame);
  for (const bytes of [frame, padded]) {
    const read = decodeFrame(bytes, true);
    assert.deepEqual(
      read?.payload,
      Uint8Array.from({ length: 11 }, (_, at) => at),
    );
    assert.equal(read?.source, ends.source);
  }
});

test("a checksum that no hardware has filled in yet is not looked at", () => {
  const frame = reply();
  frame[26] = 1;
  assert.equal(decodeFrame(frame, true), undefined);
  assert.ok(decodeFrame(frame, false));
});

const changes: Record<string, (frame: Uint8Array) => unknown> = {
  "of IPv6": (frame) => frame.fill(0x65, 0, 1),
  "with a damaged header": (frame) => frame.fill(9, 1, 2),
  "with a damaged payload": (frame) => frame.fill(9, 30, 31),
  "to another port": (frame) => frame.fill(69, 23, 24),
  "with a header of 16 bytes": (frame) => frame.fill(0x44, 0, 1),
  "of more bytes than there are": (frame) => frame.fill(0xff, 2, 3),
  "with a datagram of no length": (frame) => frame.fill(0, 24, 26),
};

for (const [what, change] of Object.entries(changes)) {
  test(`a frame ${what} is none`, () => {
    const frame = reply();
    change(frame);
    assert.equal(decodeFrame(frame, true), undefined);
  });
}

test("a frame of every length is read or refused, never past its end", () => {
  const frame = reply();
  for (let length = 0; length < frame.length; length++) {
    assert.equal(decodeFrame(frame.subarray(0, length), true), undefined);
  }
});

test("ARP: somebody else's reply, use or probe of the address is a conflict, our own is none", () => {
  const address = 0x0a090050;
  const other = Uint8Array.of(2, 0, 0, 0, 0, 9);
  const probe = encodeProbe(other, address);
  assert.ok(showsConflict(probe, mac, address));
  assert.ok(!showsConflict(encodeProbe(mac, address), mac, address));
  assert.ok(!showsConflict(probe, mac, address + 1));
  assert.ok(!showsConflict(probe.subarray(0, 27), mac, address));
  const use = probe.slice();
  use.set([0x0a, 0x09, 0, 0x50], 14);
  use[7] = 2;
  assert.ok(showsConflict(use, mac, address));
  use[1] = 6;
  assert.ok(!showsConflict(use, mac, address));
});
