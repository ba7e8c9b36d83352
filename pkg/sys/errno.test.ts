import assert from "node:assert/strict";
import test from "node:test";
import { Errno, errnoName, errnoText, isSysError, SysError } from "./errno.ts";

test("errno texts are the ones Go programs print", () => {
  assert.equal(errnoText(Errno.ENOENT), "no such file or directory");
  assert.equal(errnoText(Errno.EEXIST), "file exists");
  assert.equal(errnoText(Errno.EADDRINUSE), "address already in use");
  assert.equal(errnoText(Errno.ECONNRESET), "connection reset by peer");
  assert.equal(errnoText(Errno.EHWPOISON), "memory page has hardware error");
  assert.equal(errnoText(524), "errno 524");
});

test("every errno has a name and a text", () => {
  for (const [name, value] of Object.entries(Errno)) {
    assert.ok(!errnoText(value).startsWith("errno"), name);
    assert.equal(Object.entries(Errno).find(([, other]) => other === value)?.[0], errnoName(value));
  }
  assert.equal(errnoName(Errno.EWOULDBLOCK), "EAGAIN");
  assert.equal(errnoName(524), "errno 524");
});

test("a failed call reads as Go words it", () => {
  const error = new SysError("open", Errno.ENOENT, "/x");
  assert.equal(error.message, "open /x: no such file or directory");
  assert.equal(
    new SysError("getrandom", Errno.ENOSYS).message,
    "getrandom: function not implemented",
  );
  assert.ok(isSysError(error) && isSysError(error, Errno.EPERM, Errno.ENOENT));
  assert.ok(!isSysError(error, Errno.EPERM) && !isSysError(new Error("open")));
});
