import assert from "node:assert/strict";
import test from "node:test";
import { OpenFlag, openFile } from "./file.ts";
import { FileSystem, fileSystemType, isFull } from "./file-system.ts";

test("a namespace is told from other files by its file system", () => {
  assert.equal(fileSystemType("/proc/self/ns/net"), FileSystem.nsfs);
  using fd = openFile("/proc/self/ns/net", OpenFlag.readOnly);
  assert.equal(fileSystemType(fd), FileSystem.nsfs);
  assert.equal(fileSystemType("/proc"), FileSystem.proc);
});

test("a file system that counts neither blocks nor inodes is never full", () => {
  assert.equal(isFull("/proc"), false);
});
