/** The directory entries that getdents64 packs into a buffer. */

import { decode } from "./text.ts";

/** Offsets in struct linux_dirent64 (a u64 and an s64 come first), linux/dirent.h */
const offsets = { recordLength: 16, name: 19 } as const;

const dot = 0x2e;

/**
 * The names in the first `length` bytes of a filled buffer, without "." and ".."; spoils the buffer. `inodes` gets
 * each one's inode number (d_ino, the first field): as it is below 2^53, folded into that above, and NaN, which is
 * like no other, where the file system does not tell it.
 */
export function entryNames(buffer: Uint8Array, length: number, inodes?: number[]): string[] {
  const view = inodes && new DataView(buffer.buffer, buffer.byteOffset, length);
  // Decoding each name by itself would cost an array and a call each, which a directory of 60,000 feels:
  // the names are packed together at the front, a NUL behind each, and decoded in one go.
  let packed = 0;
  for (let record = 0; record < length; ) {
    const low = buffer[record + offsets.recordLength] ?? 0;
    const high = buffer[record + offsets.recordLength + 1] ?? 0;
    const start = record + offsets.name;
    if (!isSelfOrParent(buffer, start)) {
      if (inodes && view) {
        inodes.push(foldInode(view.getUint32(record, true), view.getUint32(record + 4, true)));
      }
      const end = buffer.indexOf(0, start) + 1;
      buffer.copyWithin(packed, start, end);
      packed += end - start;
    }
    record += low | (high << 8);
  }
  if (packed === 0) return [];
  return decode(buffer.subarray(0, packed - 1)).split("\0");
}

/** What FUSE says of a file whose number it does not know (FUSE_UNKNOWN_INO). */
const unknownInode = 0xffff_ffff;

/** Cluster file systems give out numbers that only differ in their last bits, above 2^53, where a sum would lose these. */
function foldInode(low: number, high: number): number {
  if (high === 0 && (low === 0 || low === unknownInode)) return Number.NaN;
  return low + ((high & 0x1f_ffff) ^ (high >>> 21)) * 0x1_0000_0000;
}

function isSelfOrParent(buffer: Uint8Array, start: number): boolean {
  if (buffer[start] !== dot) return false;
  return buffer[start + 1] === 0 || (buffer[start + 1] === dot && buffer[start + 2] === 0);
}
