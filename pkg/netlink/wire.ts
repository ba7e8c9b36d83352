/** Bytes being written and bytes being read: all that touches offsets in a netlink message. */

/** Bytes from the kernel that are no message. */
export class WireError extends Error {
  override readonly name = "WireError";
}

/** Bytes in struct nlattr */
export const ATTRIBUTE_HEADER = 4;
/** NLA_TYPE_MASK, linux/netlink.h: without NLA_F_NESTED and NLA_F_NET_BYTEORDER */
export const TYPE_MASK = 0x3fff;

// The two functions below run for each of the 60 attributes of a link, most of which are skipped. Indexing is cheaper
// there than a DataView's methods: an interpreter does no inlining.

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
export class Writer {
  bytes: Uint8Array;
  view: DataView;
  length = 0;
  /** The length of `bytes`, which costs a call to ask. */
  #capacity: number;

  constructor(capacity = 1024) {
    this.#capacity = capacity;
    this.bytes = new Uint8Array(capacity);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Makes room and returns where it starts. Fetch `view` after it, not before: growing replaces it. */
  reserve(count: number): number {
    const start = this.length;
    const end = start + count;
    if (end > this.#capacity) this.#grow(end);
    this.length = end;
    return start;
  }

  /** Messages and attributes start on four-byte bounds. */
  align(): void {
    const missing = -this.length & 3;
    if (missing > 0) this.reserve(missing);
  }

  append(bytes: Uint8Array): void {
    const start = this.reserve(bytes.length);
    this.bytes.set(bytes, start);
  }

  /** Forgets what was written, to be written to again. */
  clear(): void {
    this.bytes.fill(0, 0, this.length);
    this.length = 0;
  }

  /** What was written, as a view that the next growth leaves behind. */
  written(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  #grow(needed: number): void {
    const bytes = new Uint8Array(Math.max(needed, 2 * this.bytes.length));
    bytes.set(this.bytes.subarray(0, this.length));
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
    this.#capacity = bytes.length;
  }
}

/** Bytes to read, with the one DataView that all readers of them share. */
export class Reader {
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}
