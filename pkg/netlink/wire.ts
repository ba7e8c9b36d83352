/** Bytes being written and bytes being read: all that touches offsets in a netlink message. */

/** Bytes from the kernel that are no message. */
export class WireError extends Error {
  override readonly name = "WireError";
}

/** Bytes in struct nlattr */
export const ATTRIBUTE_HEADER = 4;
/** NLA_TYPE_MASK, linux/netlink.h: without NLA_F_NESTED and NLA_F_NET_BYTEORDER */
export const TYPE_MASK = 0x3fff;

// Bytes are reached by indexing typed arrays, never by a DataView: an interpreter does no inlining, and a method costs as
// much as ten indexed bytes. Both architectures are little-endian, as the kernel's words then are.

/** Memory that numbers are written to and read from. */
export interface Memory {
  readonly bytes: Uint8Array;
  /** The same memory by fours: attributes and the numbers of four bytes in them lie on such bounds. */
  readonly words: Int32Array;
}

/** The length of the attribute at `at`, header included. A length under four would never get to the end. */
export function attributeLength(bytes: Uint8Array, at: number, end: number): number {
  const left = end - at;
  const length = left < ATTRIBUTE_HEADER ? left : (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
  if (length < ATTRIBUTE_HEADER || length > left) {
    throw new WireError(`cannot decode an attribute of ${length} bytes: ${left} are left`);
  }
  return length;
}

/** The attribute's type without its flags. */
export function attributeType(bytes: Uint8Array, at: number): number {
  return ((bytes[at + 2] ?? 0) | ((bytes[at + 3] ?? 0) << 8)) & TYPE_MASK;
}

/** Bytes that grow. What was reserved and not filled in is zero. */
export class Writer implements Memory {
  bytes: Uint8Array;
  words: Int32Array;
  length: number;
  /** The length of `bytes`, which costs a call to ask. */
  capacity: number;

  constructor() {
    this.capacity = 1024;
    this.bytes = new Uint8Array(this.capacity);
    this.words = new Int32Array(this.bytes.buffer);
    this.length = 0;
  }

  /** Makes room and returns where it starts. Fetch `bytes` and `words` after it, not before: growing replaces them. */
  reserve(count: number): number {
    const start = this.length;
    const end = start + count;
    if (end > this.capacity) this.grow(end);
    this.length = end;
    return start;
  }

  append(bytes: Uint8Array): void {
    const start = this.reserve(bytes.length);
    this.bytes.set(bytes, start);
  }

  /** Forgets what was written, to be written to again. */
  clear(): void {
    if (this.length > 0) this.bytes.fill(0, 0, this.length);
    this.length = 0;
  }

  /** What was written, as a view that the next growth leaves behind. */
  written(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  /** Makes the memory long enough. */
  grow(needed: number): void {
    // By fours, so that the last word is a whole one.
    const capacity = (Math.max(needed, 2 * this.capacity) + 3) & ~3;
    const bytes = new Uint8Array(capacity);
    bytes.set(this.bytes.subarray(0, this.length));
    this.bytes = bytes;
    this.words = new Int32Array(bytes.buffer);
    this.capacity = capacity;
  }
}

/** Bytes to read. */
export class Reader implements Memory {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;

  constructor(bytes: Uint8Array) {
    const { buffer, byteOffset, length } = (bytes.byteOffset & 3) === 0 ? bytes : bytes.slice();
    this.bytes = bytes;
    this.words = new Int32Array(buffer, byteOffset, length >> 2);
  }
}
