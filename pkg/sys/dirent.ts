/** The directory entries that getdents64 packs into a buffer. */

import { decode } from "./text.ts";

/** Offsets in struct linux_dirent64 (a u64 and an s64 come first), linux/dirent.h */
const offsets = { recordLength: 16, name: 19 } as const;

const dot = 0x2e;

/**
 * The names in the first `length` bytes of a filled buffer, without "." and ".."; spoils the buffer. `inodes` gets
 * each one's inode number (d_ino, the first field), exact up to 2^53.
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
        inodes.push(
          view.getUint32(record, true) + view.getUint32(record + 4, true) * 0x1_0000_0000,
        );
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

function isSelfOrParent(buffer: Uint8Array, start: number): boolean {
  if (buffer[start] !== dot) return false;
  return buffer[start + 1] === 0 || (buffer[start + 1] === dot && buffer[start + 2] === 0);
}
