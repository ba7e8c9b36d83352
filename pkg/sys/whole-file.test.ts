import assert from "node:assert/strict";
import test from "node:test";
import { Errno } from "./errno.ts";
import { listDirectory, makeDirectories, openDirectory, readText, symlink } from "./file.ts";
import { stat } from "./statx.ts";
import { Scratch } from "./testing/scratch.ts";
import { encode } from "./text.ts";
import { createExclusive, replaceFile } from "./whole-file.ts";

test("a new file appears with its content and mode, once", () => {
  using scratch = new Scratch();
  const { dir } = scratch;
  assert.ok(createExclusive(dir, "a", encode("first")));
  assert.ok(!createExclusive(dir, "a", encode("second")));
  assert.equal(readText("a", { dir }), "first");
  assert.equal(stat("a", { dir }).mode, 0o100600);
  assert.ok(createExclusive(dir, "b", encode(""), { mode: 0o644, sync: true }));
  assert.equal(stat("b", { dir }).mode, 0o100644);
  assert.deepEqual(listDirectory(dir).sort(), ["a", "b"]);
});

test("a planted link takes the name and is not followed", () => {
  using scratch = new Scratch();
  symlink("/tmp/elsewhere", "a", scratch.dir);
  assert.ok(!createExclusive(scratch.dir, "a", encode("x")));
  replaceFile(scratch.dir, "a", encode("x"));
  assert.ok(stat("a", { dir: scratch.dir }).isFile);
});

test("a file is replaced whole, and nothing else stays", () => {
  using scratch = new Scratch();
  const { dir } = scratch;
  replaceFile(dir, "a", encode("a long first content"), 0o644);
  replaceFile(dir, "a", encode("short"), { sync: true });
  assert.equal(readText("a", { dir }), "short");
  assert.equal(stat("a", { dir }).mode, 0o100600);
  assert.deepEqual(listDirectory(dir), ["a"]);
});

test("a failed replacement leaves no litter", () => {
  using scratch = new Scratch();
  makeDirectories(`${scratch.path}/taken/inside`, 0o700);
  assert.throws(() => replaceFile(scratch.dir, "taken", encode("x")), { errno: Errno.EISDIR });
  assert.deepEqual(listDirectory(scratch.dir), ["taken"]);
});

test("where there is neither unnamed file nor room for one, the kernel's word comes out", () => {
  using proc = openDirectory("/proc");
  assert.throws(() => createExclusive(proc, "x", encode("x")), { call: "open" });
});
