import assert from "node:assert/strict";
import test from "node:test";
import { Errno, SysError } from "./errno.ts";
import { Fd } from "./fd.ts";
import { OpenFlag, openFile, read, readAt, writeAll } from "./file.ts";
import { addressOf, attempt, call, check } from "./syscall.ts";
import { decode, encode } from "./text.ts";

function memoryFile(): Fd {
  return new Fd(call("memfd_create", "test", 1));
}

test("a refusal is a negative errno, or an error that names the call", () => {
  assert.equal(attempt("close", -1), -Errno.EBADF);
  assert.throws(() => call("close", -1), { call: "close", errno: Errno.EBADF });
  assert.throws(() => check(-Errno.EPERM, "mount", "/sys"), {
    message: "mount /sys: operation not permitted",
  });
});

test("arguments keep all their 64 bits, signed or not", () => {
  using file = memoryFile();
  const far = 0x1234_5678_9abcn;
  assert.equal(call("lseek", file.fd, far, 0), Number(far));
  assert.equal(call("lseek", file.fd, -0x1000, 1), Number(far) - 0x1000);
  assert.equal(attempt("lseek", file.fd, 0xffff_ffff_ffff_ffffn, 0), -Errno.EINVAL);
  assert.equal(attempt("lseek", file.fd, -1n, 0), -Errno.EINVAL);
});

test("a text arrives as the kernel takes names, or not at all", () => {
  const name = "tést-€-😀";
  using file = new Fd(call("memfd_create", name, 1));
  const target = new Uint8Array(64);
  const length = call("readlinkat", -100, `/proc/self/fd/${file.fd}`, target, target.length);
  assert.equal(decode(target.subarray(0, length)), `/memfd:${name} (deleted)`);
  for (const torn of ["a\0b", "\0", "\ud800", "a\udc00"]) {
    assert.equal(attempt("memfd_create", torn, 1), -Errno.EINVAL);
  }
});

test("six arguments arrive in order", () => {
  const pair = new Int32Array(2);
  call("socketpair", 1, 1, 0, new Uint8Array(pair.buffer));
  using left = new Fd(pair[0] ?? -1);
  using right = new Fd(pair[1] ?? -1);
  const bytes = encode("ping");
  assert.equal(call("sendto", left.fd, bytes, 4, 0, null, 0), 4);
  const got = new Uint8Array(8);
  assert.equal(call("recvfrom", right.fd, got, 8, 0, null, null), 4);
  assert.equal(decode(got.subarray(0, 4)), "ping");
});

test("a small array and a window into a larger one are passed as they are", () => {
  using file = memoryFile();
  writeAll(file, new Uint8Array([9, 1, 2, 3, 9]).subarray(1, 4));
  assert.deepEqual(readAt(file, 10, 0), new Uint8Array([1, 2, 3]));
  assert.deepEqual(readAt(file, 1, 2), new Uint8Array([3]));
  const window = new Uint8Array(6).subarray(2, 5);
  call("lseek", file.fd, 0, 0);
  assert.equal(read(file, window), 3);
  assert.deepEqual(new Uint8Array(window.buffer), new Uint8Array([0, 0, 1, 2, 3, 0]));
});

test("an address stays good in a structure", () => {
  using file = memoryFile();
  const parts = [encode("scat"), encode("tered")];
  const vector = new DataView(new ArrayBuffer(32)); // struct iovec, twice
  parts.forEach((part, index) => {
    vector.setBigUint64(index * 16, BigInt(addressOf(part)), true);
    vector.setBigUint64(index * 16 + 8, BigInt(part.length), true);
  });
  assert.equal(call("pwritev", file.fd, new Uint8Array(vector.buffer), 2, 0), 9);
  assert.equal(decode(readAt(file, 20, 0)), "scattered");
  const whole = new Uint8Array(8);
  assert.equal(addressOf(whole.subarray(3)), addressOf(whole) + 3);
});

test("a descriptor is closed once, and quietly by using", () => {
  const file = openFile("/dev/null", OpenFlag.readOnly);
  const number = file.fd;
  file.close();
  file.close();
  assert.equal(file.fd, -1);
  assert.equal(attempt("fcntl", number, 1), -Errno.EBADF);
  assert.throws(() => new Fd(1_000_000).close(), SysError);
  new Fd(1_000_000)[Symbol.dispose]();
});
