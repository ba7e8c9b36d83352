import assert from "node:assert/strict";
import test from "node:test";
import { Errno } from "./errno.ts";
import {
  ifPresent,
  link,
  listDirectory,
  listInodes,
  makeDirectories,
  OpenFlag,
  openDirectory,
  openFile,
  readAll,
  readFile,
  readLink,
  readText,
  removeDirectory,
  rename,
  symlink,
  unlink,
  writeAll,
} from "./file.ts";
import { stat } from "./statx.ts";
import { Scratch } from "./testing/scratch.ts";
import { encode } from "./text.ts";
import { createExclusive } from "./whole-file.ts";

const create = OpenFlag.writeOnly | OpenFlag.create;

test("a file is read whole, whatever its size", () => {
  using scratch = new Scratch();
  for (const size of [0, 1, 4095, 4096, 4097, 100_000]) {
    const bytes = new Uint8Array(size).map((_, index) => index % 251);
    using fd = openFile("data", create | OpenFlag.truncate, 0o600, scratch.dir);
    writeAll(fd, bytes);
    assert.deepEqual(readFile(`${scratch.path}/data`), bytes);
    assert.deepEqual(readFile("data", { dir: scratch.dir, limit: size }), bytes);
  }
  assert.throws(() => readFile(`${scratch.path}/data`, { limit: 99_999 }), {
    errno: Errno.EFBIG,
    message: `read ${scratch.path}/data: file too large`,
  });
});

test("files of /proc are read whole though they have no size", () => {
  assert.match(readText("/proc/self/status"), /^Name:.*voluntary_ctxt_switches/s);
  assert.match(readText("/proc/sys/kernel/ostype"), /^Linux\n$/);
});

test("a missing file is an error, or nothing for who says so", () => {
  const read = () => readText("/nonexistent/x");
  assert.throws(read, { message: "open /nonexistent/x: no such file or directory" });
  assert.equal(ifPresent(read), undefined);
  assert.throws(() => ifPresent(() => readText("/tmp")), { errno: Errno.EISDIR });
});

test("a link is followed by plain paths only, and never to create", () => {
  using scratch = new Scratch();
  createExclusive(scratch.dir, "real", encode("x"));
  symlink("real", "alias", scratch.dir);
  assert.equal(readLink("alias", scratch.dir), "real");
  assert.equal(readText(`${scratch.path}/alias`), "x");
  assert.throws(() => readText("alias", { dir: scratch.dir }), { errno: Errno.ELOOP });
  assert.throws(() => openFile(`${scratch.path}/alias`, create, 0o600), { errno: Errno.ELOOP });
  assert.ok(stat(`${scratch.path}/alias`).isFile);
  assert.ok(stat(`${scratch.path}/alias`, { follow: false }).isLink);
  assert.ok(stat("alias", { dir: scratch.dir }).isLink);
});

test("what is opened is closed on exec", () => {
  using fd = openFile("/dev/null", OpenFlag.readOnly);
  assert.match(readText(`/proc/self/fdinfo/${fd.fd}`), /flags:\t02[0-7]{6}\n/);
});

test("a descriptor and its path are the same file", () => {
  using scratch = new Scratch();
  using fd = openFile("f", create, 0o640, scratch.dir);
  writeAll(fd, encode("12345"));
  const byFd = stat(fd);
  assert.deepEqual(byFd, stat(`${scratch.path}/f`));
  assert.equal(byFd.size, 5);
  assert.equal(byFd.mode, 0o100640);
  assert.equal(byFd.links, 1);
  assert.ok(byFd.isFile && !byFd.isDirectory && !byFd.isLink);
  assert.ok(Math.abs(Number(byFd.mtimeNs / 1_000_000n) - Date.now()) < 10_000);
  assert.notEqual(byFd.ino, stat(scratch.dir).ino);
  assert.equal(byFd.dev, stat(scratch.dir).dev);
});

test("a large directory is listed whole, as often as asked", () => {
  using scratch = new Scratch();
  assert.deepEqual(listDirectory(scratch.path), []);
  const names = ["ä", ".hidden", "..odd", "x".repeat(255)];
  for (let index = 0; index < 3000; index++) names.push(`10.0.${index >> 8}.${index & 255}`);
  for (const name of names) openFile(name, create, 0o600, scratch.dir).close();
  names.sort();
  assert.deepEqual(listDirectory(scratch.dir).sort(), names);
  assert.deepEqual(listDirectory(scratch.dir).sort(), names);
  const inodes = listInodes(scratch.dir);
  assert.deepEqual([...inodes.keys()].sort(), names);
  for (const [name, inode] of inodes) {
    assert.equal(BigInt(inode), stat(name, { dir: scratch.dir }).ino, name);
  }
  assert.deepEqual(listDirectory(scratch.path).sort(), names);
});

test("directories are made as far as they are missing", () => {
  using scratch = new Scratch();
  makeDirectories(`${scratch.path}/a/b//c/`, 0o700);
  makeDirectories(`${scratch.path}/a/b/c`, 0o700);
  assert.equal(stat(`${scratch.path}/a/b/c`).mode, 0o040700);
  assert.ok(removeDirectory("a/b/c", scratch.dir));
  assert.ok(!removeDirectory("a/b/c", scratch.dir));
  assert.throws(() => removeDirectory("a", scratch.dir), { errno: Errno.ENOTEMPTY });
  makeDirectories("/", 0o700);
});

test("a link may lead to the place, but not be it", () => {
  using scratch = new Scratch();
  makeDirectories(`${scratch.path}/real`, 0o700);
  symlink("real", "alias", scratch.dir);
  symlink("nowhere", "dangling", scratch.dir);
  makeDirectories(`${scratch.path}/alias/sub`, 0o700);
  assert.ok(stat(`${scratch.path}/real/sub`).isDirectory);
  for (const planted of ["alias", "alias/", "dangling"]) {
    const path = `${scratch.path}/${planted}`;
    assert.throws(() => makeDirectories(path, 0o700), { errno: Errno.ENOTDIR }, planted);
    assert.throws(() => openDirectory(path), { errno: Errno.ENOTDIR }, planted);
  }
  openFile("file", create, 0o600, scratch.dir).close();
  assert.throws(() => makeDirectories(`${scratch.path}/file`, 0o700), { errno: Errno.ENOTDIR });
  assert.throws(() => makeDirectories(`${scratch.path}/file/x`, 0o700), { errno: Errno.ENOTDIR });
});

test("names are given, moved and removed", () => {
  using scratch = new Scratch();
  const { dir } = scratch;
  createExclusive(dir, "one", encode("1"));
  link("one", "two", dir);
  assert.throws(() => link("one", "two", dir), { errno: Errno.EEXIST });
  assert.equal(stat("one", { dir }).links, 2);
  rename("two", "three", dir);
  assert.throws(() => rename("two", "four", dir), {
    message: "rename two to four: no such file or directory",
  });
  assert.ok(unlink("one", dir));
  assert.ok(!unlink("one", dir));
  assert.equal(readText("three", { dir }), "1");
});

test("a device that is at its end has nothing to read", () => {
  using device = openFile("/dev/null", OpenFlag.readOnly);
  assert.equal(readAll(device).length, 0);
});
