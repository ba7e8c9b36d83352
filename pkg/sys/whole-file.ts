/** Files that appear, or change, only with their whole content: a reader or a crash never sees half of one. */

import { Errno, isSysError } from "./errno.ts";
import { Fd } from "./fd.ts";
import { OpenFlag, openFile, rename, unlink, writeAll } from "./file.ts";
import { randomBytes } from "./random.ts";
import { attempt, check, retry } from "./syscall.ts";
import { observer, traced } from "./trace.ts";

/** What the names of unfinished files begin with: after a crash, files named so are litter. */
export const temporaryPrefix = ".tmp-";

/** How a whole file is written. */
export interface WholeFileOptions {
  /** Permission bits; 0600 unless given. */
  mode?: number;
  /** Have the disk hold it before returning, so that it outlives a power cut. */
  sync?: boolean;
}

/** A file to be written into an open directory. */
interface WholeFile {
  dir: Fd;
  name: string;
  bytes: Uint8Array;
  mode: number;
  sync: boolean;
}

/** AT_*, linux/fcntl.h */
const At = { currentDirectory: -100, symlinkFollow: 0x400, emptyPath: 0x1000 } as const;

/** O_TMPFILE, asm-generic/fcntl.h */
const unnamedFile = 0o20000000 | OpenFlag.directory;

/** Gives a name in `dir` new content, whether it had some or not; readers see the old or the new, never a mixture. */
export function replaceFile(
  dir: Fd,
  name: string,
  bytes: Uint8Array,
  options: number | WholeFileOptions = {},
): void {
  const file = wholeFile({ dir, name, bytes }, options);
  if (observer === undefined) replace(file);
  else traced("file", "replace", [name, dir], () => replace(file));
}

function replace(file: WholeFile): void {
  const temporary = writeTemporary(file);
  try {
    rename(temporary, file.name, file.dir);
  } catch (error) {
    unlink(temporary, file.dir);
    throw error;
  }
  syncDirectory(file);
}

/** Makes a file that must be new; false, and nothing changed, when the name is taken. */
export function createExclusive(
  dir: Fd,
  name: string,
  bytes: Uint8Array,
  options: number | WholeFileOptions = {},
): boolean {
  const file = wholeFile({ dir, name, bytes }, options);
  if (observer === undefined) return create(file);
  return traced("file", "create", [name, dir], () => create(file));
}

function create(file: WholeFile): boolean {
  const result = linkUnnamed(file) ?? linkTemporary(file) ?? createInPlace(file);
  if (result === -Errno.EEXIST) return false;
  check(result, "create", file.name);
  syncDirectory(file);
  return true;
}

function wholeFile(
  file: Pick<WholeFile, "dir" | "name" | "bytes">,
  options: number | WholeFileOptions,
): WholeFile {
  const { mode = 0o600, sync = false } = typeof options === "number" ? { mode: options } : options;
  return { ...file, mode, sync };
}

function fill(fd: Fd, file: WholeFile): void {
  writeAll(fd, file.bytes);
  if (file.sync) check(attempt("fsync", fd.fd), "fsync", file.name);
}

function syncDirectory(file: WholeFile): void {
  if (file.sync) check(attempt("fsync", file.dir.fd), "fsync", file.dir.subject);
}

/** The cheapest way, which leaves no litter: a file without a name is given one. Undefined where that cannot be. */
function linkUnnamed(file: WholeFile): number | undefined {
  const flags = unnamedFile | OpenFlag.writeOnly | OpenFlag.closeOnExec;
  const opened = retry("openat", file.dir.fd, ".", flags, file.mode);
  if (opened === -Errno.EOPNOTSUPP || opened === -Errno.EISDIR) return undefined;
  using fd = new Fd(check(opened, "create", file.name), file.name);
  fill(fd, file);
  const name = file.name;
  const result = attempt("linkat", fd.fd, "", file.dir.fd, name, At.emptyPath);
  if (result !== -Errno.ENOENT) return unlessUnsupported(result);
  // The short way needs CAP_DAC_READ_SEARCH; the way round needs /proc.
  const self = `/proc/self/fd/${fd.fd}`;
  const dir = file.dir.fd;
  const again = attempt("linkat", At.currentDirectory, self, dir, name, At.symlinkFollow);
  return again === -Errno.ENOENT ? undefined : unlessUnsupported(again);
}

/** For file systems without unnamed files. Undefined where there are no hard links either. */
function linkTemporary(file: WholeFile): number | undefined {
  const temporary = writeTemporary(file);
  try {
    const dir = file.dir.fd;
    const result = attempt("linkat", dir, temporary, dir, file.name, 0);
    return unlessUnsupported(result);
  } finally {
    unlink(temporary, file.dir);
  }
}

/** The last resort: here a crash can leave a torn file. */
function createInPlace(file: WholeFile): number {
  try {
    using fd = createNew(file.name, file);
    try {
      fill(fd, file);
      fd.close();
    } catch (error) {
      unlink(file.name, file.dir);
      throw error;
    }
  } catch (error) {
    if (isSysError(error, Errno.EEXIST)) return -Errno.EEXIST;
    throw error;
  }
  return 0;
}

function unlessUnsupported(result: number): number | undefined {
  const unsupported = [-Errno.EPERM, -Errno.EOPNOTSUPP, -Errno.ENOSYS, -Errno.EMLINK];
  return unsupported.includes(result) ? undefined : result;
}

function writeTemporary(file: WholeFile): string {
  const suffix = Array.from(randomBytes(8), (byte) => byte.toString(16).padStart(2, "0"));
  const name = temporaryPrefix + suffix.join("");
  using fd = createNew(name, file);
  try {
    fill(fd, file);
    fd.close();
  } catch (error) {
    unlink(name, file.dir);
    throw error;
  }
  return name;
}

function createNew(name: string, { dir, mode }: WholeFile): Fd {
  return openFile(name, OpenFlag.writeOnly | OpenFlag.create | OpenFlag.exclusive, mode, dir);
}
