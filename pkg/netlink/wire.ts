/** Bytes being written and bytes being read: all that touches offsets in a netlink message. */

/** Bytes from the kernel that are no message. */
export class WireError extends Error {
  override readonly name = "WireError";
}

/** Bytes that grow. What was reserved and not filled in is zero. */
export class Writer {
  bytes: Uint8Array;
  view: DataView;
  length = 0;

  constructor(capacity = 1024) {
    this.bytes = new Uint8Array(capacity);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Makes room and returns where it starts. Fetch `view` after it, not before: growing replaces it. */
  reserve(count: number): number {
    const start = this.length;
    const end = start + count;
    if (end > this.bytes.length) this.#grow(end);
    this.length = end;
    return start;
  }

  /** Messages and attributes start on four-byte bounds. */
  align(): void {
    this.reserve(-this.length & 3);
  }

  append(bytes: Uint8Array): void {
    const start = this.reserve(bytes.length);
    this.bytes.set(bytes, start);
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
