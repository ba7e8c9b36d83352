/**
 * Files by descriptor and by path. A name in an open directory (`dir`) never has its link followed, nor has a file
 * that is created; a plain path is the operator's word and is followed. Short reads and writes and EINTR end here.
 */

import { port } from "#port";
import { entryNames } from "./dirent.ts";
import { Errno, isSysError, SysError } from "./errno.ts";
import { Fd } from "./fd.ts";
import { attempt, check, retry } from "./syscall.ts";
import { decode } from "./text.ts";
import { observer, traced } from "./trace.ts";

const isArm = port.arch === "arm64";

/** O_*, asm/fcntl.h: some values differ by architecture */
export const OpenFlag = {
  readOnly: 0,
  writeOnly: 1,
  readWrite: 2,
  create: 0o100,
  exclusive: 0o200,
  truncate: 0o1000,
  append: 0o2000,
  nonBlocking: 0o4000,
  directory: isArm ? 0o40000 : 0o200000,
  noFollow: isArm ? 0o100000 : 0o400000,
  closeOnExec: 0o2000000,
  path: 0o10000000,
} as const;

/** AT_*, linux/fcntl.h */
const At = {
  currentDirectory: -100,
  symlinkNoFollow: 0x100,
  removeDirectory: 0x200,
} as const;

/** X_OK, unistd.h */
const executeAccess = 1;

/** The number a path is relative to. */
export function directoryFd(dir: Fd | undefined): number {
  return dir === undefined ? At.currentDirectory : dir.fd;
}

/** The outcome of `act`, or undefined when there is no such file. */
export function ifPresent<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (isSysError(error, Errno.ENOENT)) return undefined;
    throw error;
  }
}

/** Opens a file, closed on exec; `flags` are of `OpenFlag`. */
export function openFile(path: string, flags: number, mode = 0, dir?: Fd): Fd {
  const follows = dir === undefined && (flags & OpenFlag.create) === 0;
  const all = flags | OpenFlag.closeOnExec | (follows ? 0 : OpenFlag.noFollow);
  const fd = retry("openat", directoryFd(dir), path, all, mode);
  return new Fd(check(fd, "open", path), path);
}

/** Reads once into a buffer; 0 is the end. */
export function read(fd: Fd, buffer: Uint8Array): number {
  return check(retry("read", fd.fd, buffer, buffer.length), "read", fd.subject);
}

/** Reads up to `length` bytes from a place in the file; fewer where it ends before. */
export function readAt(fd: Fd, length: number, offset: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const rest = bytes.subarray(done);
    const result = retry("pread64", fd.fd, rest, rest.length, offset + done);
    const count = check(result, "read", fd.subject);
    if (count === 0) break;
    done += count;
  }
  return bytes.subarray(0, done);
}

/** Reads to the end; throws EFBIG past `limit` bytes. */
export function readAll(fd: Fd, limit = Number.POSITIVE_INFINITY): Uint8Array {
  let buffer = new Uint8Array(4096);
  let length = 0;
  // Neither a size of 0 nor a short read means the end: files of /proc have both.
  for (;;) {
    const count = read(fd, length === 0 ? buffer : buffer.subarray(length));
    if (count === 0) return buffer.slice(0, length);
    length += count;
    if (length > limit) throw new SysError("read", Errno.EFBIG, fd.subject);
    if (length === buffer.length) {
      const larger = new Uint8Array(length * 4);
      larger.set(buffer);
      buffer = larger;
    }
  }
}

/** How to read a whole file. */
export interface ReadOptions {
  /** The most bytes to take; a larger file is refused with EFBIG. */
  limit?: number;
  dir?: Fd;
}

/** A file's whole content. */
export function readFile(path: string, options: ReadOptions = {}): Uint8Array {
  using fd = openFile(path, OpenFlag.readOnly, 0, options.dir);
  return readAll(fd, options.limit);
}

/** A file's whole content as text. */
export function readText(path: string, options: ReadOptions = {}): string {
  return decode(readFile(path, options));
}

/** As `readText`, but undefined where there is no such file: where that is the rule, an error costs ten times as much. */
export function findText(
  path: string,
  { limit }: Pick<ReadOptions, "limit"> = {},
): string | undefined {
  const fd = retry("openat", At.currentDirectory, path, OpenFlag.closeOnExec, 0);
  if (fd === -Errno.ENOENT) return undefined;
  using file = new Fd(check(fd, "open", path), path);
  return decode(readAll(file, limit));
}

/** Writes all of the bytes. */
export function writeAll(fd: Fd, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    const rest = done === 0 ? bytes : bytes.subarray(done);
    const count = check(retry("write", fd.fd, rest, rest.length), "write", fd.subject);
    if (count === 0) throw new SysError("write", Errno.EIO, fd.subject);
    done += count;
  }
}

/** Whether the path leads to something that this process may run; whatever keeps it from knowing counts as no. */
export function isExecutable(path: string): boolean {
  return attempt("faccessat", At.currentDirectory, path, executeAccess) === 0;
}

/** The names in a directory, in no order, without "." and "..". An open directory is read from its start. */
export function listDirectory(target: string | Fd): string[] {
  if (typeof target === "string") {
    using dir = openFile(target, OpenFlag.directory);
    return readDirectory(dir);
  }
  check(attempt("lseek", target.fd, 0, 0), "seek", target.subject);
  return readDirectory(target);
}

/** The names in an open directory with the inode number of each. */
export function listInodes(dir: Fd): Map<string, number> {
  check(attempt("lseek", dir.fd, 0, 0), "seek", dir.subject);
  const inodes: number[] = [];
  const names = readDirectory(dir, inodes);
  const found = new Map<string, number>();
  for (let at = 0; at < names.length; at++) found.set(names[at] ?? "", inodes[at] ?? 0);
  return found;
}

function readDirectory(dir: Fd, inodes?: number[]): string[] {
  let names: string[] = [];
  let buffer = new Uint8Array(4096);
  for (;;) {
    const result = attempt("getdents64", dir.fd, buffer, buffer.length);
    const length = check(result, "readdirent", dir.subject);
    if (length === 0) return names;
    const more = entryNames(buffer, length, inodes);
    if (names.length === 0) names = more;
    else for (const name of more) names.push(name);
    // Only a directory that filled half of a small buffer is worth a large one.
    if (length > 2048 && buffer.length === 4096) buffer = new Uint8Array(65_536);
  }
}

/** Makes a directory and those above it, as far as they are missing; throws ENOTDIR when a link or file is in its place. */
export function makeDirectories(path: string, mode: number): void {
  openDirectory(path, mode).close();
}

/** Opens a directory itself, never through a link in the last place; with a mode, it is made first if it is missing. */
export function openDirectory(path: string, createMode?: number): Fd {
  // A slash at the end would have the kernel follow a link.
  const bare = path.endsWith("/") ? path.replace(/(?<=.)\/+$/, "") : path;
  const flags = OpenFlag.directory | OpenFlag.noFollow;
  if (createMode !== undefined) {
    const fd = ifPresent(() => openFile(bare, flags));
    if (fd !== undefined) return fd;
    makeMissing(bare, createMode);
  }
  return openFile(bare, flags);
}

function makeMissing(path: string, mode: number): void {
  let result = attempt("mkdirat", At.currentDirectory, path, mode);
  const parent = path.replace(/\/+[^/]*$/, "");
  if (result === -Errno.ENOENT && parent !== "" && parent !== path) {
    makeMissing(parent, mode);
    result = attempt("mkdirat", At.currentDirectory, path, mode);
  }
  // Someone else was faster, or it is a directory above: whoever opens it finds out what it is.
  if (result !== -Errno.EEXIST) check(result, "mkdir", path);
}

/** Removes a file; false when there was none. */
export function unlink(path: string, dir?: Fd): boolean {
  if (observer !== undefined) return traced("file", "remove", [path, dir], () => remove(path, dir));
  return remove(path, dir);
}

function remove(path: string, dir: Fd | undefined): boolean {
  return removed(attempt("unlinkat", directoryFd(dir), path, 0), path);
}

/** Removes an empty directory; false when there was none. */
export function removeDirectory(path: string, dir?: Fd): boolean {
  const result = attempt("unlinkat", directoryFd(dir), path, At.removeDirectory);
  return removed(result, path);
}

function removed(result: number, path: string): boolean {
  if (result === -Errno.ENOENT) return false;
  check(result, "remove", path);
  return true;
}

/** Renames, replacing what has the new name. */
export function rename(from: string, to: string, dir?: Fd): void {
  if (observer === undefined) move(from, to, dir);
  else traced("file", "rename", [`${from} to ${to}`, dir], () => move(from, to, dir));
}

function move(from: string, to: string, dir: Fd | undefined): void {
  const at = directoryFd(dir);
  check(attempt("renameat2", at, from, at, to, 0), "rename", `${from} to ${to}`);
}

/** Gives a file a second name; throws EEXIST when that is taken. */
export function link(from: string, to: string, dir?: Fd): void {
  if (observer === undefined) linkTo(from, to, dir);
  else traced("file", "link", [`${from} to ${to}`, dir], () => linkTo(from, to, dir));
}

function linkTo(from: string, to: string, dir: Fd | undefined): void {
  const at = directoryFd(dir);
  check(attempt("linkat", at, from, at, to, 0), "link", `${from} to ${to}`);
}

/** Makes a symbolic link. */
export function symlink(target: string, path: string, dir?: Fd): void {
  if (observer === undefined) linkSymbolically(target, path, dir);
  else traced("file", "symlink", [path, dir], () => linkSymbolically(target, path, dir));
}

function linkSymbolically(target: string, path: string, dir: Fd | undefined): void {
  check(attempt("symlinkat", target, directoryFd(dir), path), "symlink", path);
}

/** Where a symbolic link points. */
export function readLink(path: string, dir?: Fd): string {
  const target = findTarget(path, dir);
  if (target === undefined) throw new SysError("readlink", Errno.ENOENT, path);
  return target;
}

/** As `readLink`, but undefined where there is no such link: where that is the rule, an error costs ten times as much. */
export function findTarget(path: string, dir?: Fd): string | undefined {
  // Most targets are short, and memory has to be cleared; PATH_MAX is enough for any.
  for (let size = 256; ; size = 4096) {
    const bytes = new Uint8Array(size);
    const length = attempt("readlinkat", directoryFd(dir), path, bytes, size);
    if (length === -Errno.ENOENT) return undefined;
    check(length, "readlink", path);
    if (length < size || size === 4096) return decode(bytes.subarray(0, length));
  }
}
