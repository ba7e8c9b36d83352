import assert from "node:assert/strict";
import test from "node:test";
import { monotonicMs } from "./clock.ts";
import { Errno } from "./errno.ts";
import { Fd } from "./fd.ts";
import { OpenFlag, openFile } from "./file.ts";
import { lock, lockShared } from "./lock.ts";
import { call } from "./syscall.ts";
import { Scratch } from "./testing/scratch.ts";

function open(scratch: Scratch): Fd {
  return openFile("lock", OpenFlag.readWrite | OpenFlag.create, 0o600, scratch.dir);
}

test("a free lock is taken at once, and closing the file frees it", () => {
  using scratch = new Scratch();
  for (let round = 0; round < 3; round++) {
    using file = open(scratch);
    lock(file, 0);
  }
});

test("a held lock is waited for until the deadline", () => {
  using scratch = new Scratch();
  using holder = open(scratch);
  using other = open(scratch);
  lock(holder, 0);
  assert.throws(() => lock(other, 0), { errno: Errno.ETIMEDOUT });
  const start = monotonicMs();
  assert.throws(() => lock(other, 30), { errno: Errno.ETIMEDOUT, call: "lock" });
  assert.ok(monotonicMs() - start >= 30);
  holder.close();
  lock(other, 0);
});

test("waiting ends when it is cancelled", () => {
  using scratch = new Scratch();
  using holder = open(scratch);
  using other = open(scratch);
  lock(holder, 0);
  using cancel = new Fd(call("eventfd2", 1, 0o2000000));
  const start = monotonicMs();
  assert.throws(() => lock(other, 60_000, cancel.fd), { errno: Errno.EINTR });
  assert.ok(monotonicMs() - start < 5000);
});

test("what cannot be locked is an error", () => {
  assert.throws(() => lock(new Fd(1_000_000), 0), { errno: Errno.EBADF });
});

test("a shared lock lets others share and keeps an exclusive one out", () => {
  using scratch = new Scratch();
  using first = open(scratch);
  using second = open(scratch);
  using third = open(scratch);
  lockShared(first, 0);
  lockShared(second, 0);
  assert.throws(() => lock(third, 0), { errno: Errno.ETIMEDOUT });
  first.close();
  second.close();
  lock(third, 0);
});
