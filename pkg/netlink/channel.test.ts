import assert from "node:assert/strict";
import test from "node:test";
import { Errno, SysError } from "../sys/errno.ts";
import { decode } from "../sys/text.ts";
import { openChannel, type SystemCall } from "./channel.ts";

/** Plays back what the kernel says to each call in turn. */
function script(...results: [name: string, result: number][]): SystemCall {
  return (name) => {
    const [expected, result] = results.shift() ?? ["nothing", 0];
    assert.equal(name, expected);
    return result;
  };
}

test("a channel sends again when a signal came in between", () => {
  const channel = openChannel(
    0,
    script(["socket", 9], ["connect", 0], ["sendto", -Errno.EINTR], ["sendto", 4], ["close", 0]),
  );
  channel.send(new Uint8Array(4));
  channel.close();
  channel.close();
});

test("a channel says what the kernel refused", () => {
  assert.throws(() => openChannel(0, script(["socket", -Errno.EMFILE])), SysError);
  const unconnected = script(["socket", 9], ["connect", -Errno.ENOBUFS], ["close", 0]);
  assert.throws(() => openChannel(0, unconnected), /^SysError: open netlink socket: no buffer/);
  const channel = openChannel(
    0,
    script(
      ["socket", 9],
      ["connect", 0],
      ["sendto", -Errno.EMSGSIZE],
      ["setsockopt", 0],
      ["sendto", -Errno.EMSGSIZE],
    ),
  );
  assert.throws(
    () => channel.send(new Uint8Array(4)),
    /^SysError: send to netlink: message too long/,
  );
});

test("a channel makes room for what is longer than its socket sends at once", () => {
  const channel = openChannel(
    0,
    script(
      ["socket", 9],
      ["connect", 0],
      ["sendto", -Errno.EMSGSIZE],
      ["setsockopt", 0],
      ["sendto", 4],
    ),
  );
  channel.send(new Uint8Array(4));
});

test("a channel takes one datagram by recvfrom and tells its true length", () => {
  const channel = openChannel(0, script(["socket", 9], ["connect", 0], ["recvfrom", 20000]));
  const [datagram] = channel.receive(1, { timeoutMs: 0 });
  assert.equal(datagram?.length, 20000);
  assert.equal(datagram?.end, 16384);
});

test("a channel takes several datagrams by one recvmmsg", () => {
  const channel = openChannel(0, (name, ...args) => {
    if (name === "socket") return 9;
    if (name === "connect") return 0;
    assert.equal(name, "recvmmsg");
    const vector = args[1];
    assert.ok(vector instanceof Uint8Array);
    assert.equal(args[2], 3);
    const view = new DataView(vector.buffer);
    view.setUint32(56, 36, true);
    view.setUint32(64 + 56, 99999, true);
    return 2;
  });
  const room = Math.trunc(32768 / 3) & ~7;
  assert.deepEqual(
    channel.receive(3, { timeoutMs: 0 }).map(({ start, end, length }) => ({ start, end, length })),
    [
      { start: 0, end: 36, length: 36 },
      { start: room, end: 2 * room, length: 99999 },
    ],
  );
});

test("a channel knows an option that the kernel does not", () => {
  const channel = openChannel(
    0,
    script(
      ["socket", 9],
      ["connect", 0],
      ["setsockopt", -Errno.ENOPROTOOPT],
      ["setsockopt", 0],
      ["setsockopt", -1],
    ),
  );
  assert.equal(channel.setOption(12, 1), false);
  assert.equal(channel.setOption(12, 1), true);
  assert.throws(() => channel.setOption(12, 1), SysError);
});

test("a channel asks for a link's number by its name", () => {
  const asked: Uint8Array[] = [];
  const system: SystemCall = (name, fd, request, ifreq) => {
    if (name === "socket") return 9;
    if (name !== "ioctl") return 0;
    // SIOCGIFINDEX, linux/sockios.h
    assert.deepEqual([fd, request], [9, 0x8933]);
    const bytes = ifreq as Uint8Array;
    asked.push(bytes.slice(0, 16));
    if (bytes[0] === 110) return -Errno.ENODEV;
    new DataView(bytes.buffer).setInt32(16, 70_000, true);
    return 0;
  };
  const channel = openChannel(0, system);
  assert.equal(channel.linkIndex("a23456789012345"), 70_000);
  assert.equal(channel.linkIndex("lo"), 70_000);
  const [long, short] = asked.map(decode);
  assert.deepEqual([long, short], ["a23456789012345\0", `lo${"\0".repeat(14)}`]);
  assert.throws(() => channel.linkIndex("none"), /^SysError: find link none: no such device$/);
  assert.throws(() => channel.linkIndex("a234567890123456"), /no such device$/);
  assert.equal(asked.length, 3);
});
