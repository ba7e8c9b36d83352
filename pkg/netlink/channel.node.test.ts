import assert from "node:assert/strict";
import test from "node:test";
import { monotonicMs } from "../sys/clock.ts";
import { Errno } from "../sys/errno.ts";
import { attempt, call } from "../sys/syscall.ts";
import { openChannel, type SystemCall } from "./channel.ts";
import { Protocol } from "./socket.ts";

/** A channel to the real kernel, its descriptor, and its address (struct sockaddr_nl). */
function opened() {
  let fd = -1;
  const system: SystemCall = (name, ...args) => {
    const result = attempt(name, ...args);
    if (name === "socket") fd = result;
    return result;
  };
  const channel = openChannel(Protocol.route, system);
  const address = new Uint8Array(12);
  call("getsockname", fd, address, Uint8Array.of(address.length, 0, 0, 0));
  return { channel, fd, address };
}

test("a channel takes messages from nobody but the kernel", () => {
  const { channel, address } = opened();
  const forger = call("socket", 16, 3, Protocol.route);
  const message = new Uint8Array(16);
  message[0] = message.length;
  const { length } = message;
  const sent = attempt("sendto", forger, message, length, 0, address, address.length);
  call("close", forger);
  assert.equal(sent, -Errno.ECONNREFUSED);
  assert.deepEqual(channel.receive(1, { timeoutMs: 0 }), []);
  channel.close();
});

test("a wait ends when it is cancelled", () => {
  const { channel } = opened();
  const cancelFd = call("eventfd2", 1, 0o2000000);
  const start = monotonicMs();
  assert.throws(() => channel.receive(1, { timeoutMs: 60_000, cancelFd }), { errno: Errno.EINTR });
  assert.ok(monotonicMs() - start < 5000);
  call("close", cancelFd);
  channel.close();
});
