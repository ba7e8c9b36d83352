/** The file system a file is on: statfs(2). */

import { Fd } from "./fd.ts";
import { attempt, check, retry } from "./syscall.ts";

/** What `fileSystemType` may answer: *_MAGIC, linux/magic.h */
export const FileSystem = {
  nsfs: 0x6e736673,
  proc: 0x9fa0,
  sysfs: 0x62656572,
  tmpfs: 0x01021994,
  cgroup2: 0x63677270,
} as const;

/** The kind of file system a file is on, one of `FileSystem` or another magic number. */
export function fileSystemType(target: string | Fd): number {
  return Number(readStatfs(target)[0]);
}

/** Whether a file's file system has no block or no inode left. Some do not count the one or the other. */
export function isFull(target: string | Fd): boolean {
  const [, , blocks, freeBlocks, , inodes, freeInodes] = readStatfs(target);
  return (blocks !== 0n && freeBlocks === 0n) || (inodes !== 0n && freeInodes === 0n);
}

/** The numbers of struct statfs in their order: type, block size, blocks, free, available, inodes, free. */
function readStatfs(target: string | Fd): BigUint64Array {
  const numbers = new BigUint64Array(16);
  const bytes = new Uint8Array(numbers.buffer);
  if (target instanceof Fd) check(attempt("fstatfs", target.fd, bytes), "statfs", target.subject);
  else check(retry("statfs", target, bytes), "statfs", target);
  return numbers;
}
