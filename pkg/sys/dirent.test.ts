import assert from "node:assert/strict";
import test from "node:test";
import { entryNames } from "./dirent.ts";
import { encode } from "./text.ts";

/** What getdents64 fills a buffer with. */
function entries(list: readonly (readonly [name: string, inode: bigint])[]): Uint8Array {
  const length = 32;
  const buffer = new Uint8Array(list.length * length);
  const view = new DataView(buffer.buffer);
  list.forEach(([name, inode], at) => {
    view.setBigUint64(at * length, inode, true);
    view.setUint16(at * length + 16, length, true);
    buffer.set(encode(name), at * length + 19);
  });
  return buffer;
}

function inodesOf(...list: bigint[]): number[] {
  const buffer = entries([[".", 1n], ...list.map((inode) => ["a", inode] as const), ["..", 2n]]);
  const inodes: number[] = [];
  assert.equal(entryNames(buffer, buffer.length, inodes).length, list.length);
  return inodes;
}

test("inode numbers are exact up to 2^53", () => {
  const largest = 2 ** 53 - 1;
  assert.deepEqual(inodesOf(1n, 2n ** 32n, BigInt(largest)), [1, 2 ** 32, largest]);
});

test("larger inode numbers are told apart", () => {
  for (const base of [2n ** 53n, 0x0200_0004_0000_0000n, 2n ** 64n - 4096n]) {
    const many = Array.from({ length: 4096 }, (_, at) => base + BigInt(at));
    assert.equal(new Set(inodesOf(...many)).size, 4096, `from ${base}`);
  }
});

test("an inode number that the file system does not tell is like no other", () => {
  assert.deepEqual(inodesOf(0n, 0xffff_ffffn), [Number.NaN, Number.NaN]);
});
