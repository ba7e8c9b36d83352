/** Values as D-Bus writes them (D-Bus specification, "Marshaling"): read with every bound checked, since a bus is only a peer. */

import { decode, encode } from "../sys/text.ts";

/** A value as read; structures and dictionary entries are lists, a variant is what it holds. */
export type Value = number | bigint | boolean | string | readonly Value[];

/** Bytes that make no sense. */
export class MalformedError extends Error {
  override readonly name = "MalformedError";
}

/** How deep arrays and structures may nest here; the specification allows 64 in all, and variants besides. */
const deepest = 32;

/** Where each type begins: at multiples of this. */
const alignments: Readonly<Record<string, number>> = {
  y: 1,
  g: 1,
  v: 1,
  n: 2,
  q: 2,
  b: 4,
  i: 4,
  u: 4,
  h: 4,
  s: 4,
  o: 4,
  a: 4,
  x: 8,
  t: 8,
  d: 8,
  "(": 8,
  "{": 8,
};

/** The first complete type of a signature. */
function firstType(signature: string): string {
  const [code = ""] = signature;
  if (code === "a") return `a${firstType(signature.slice(1))}`;
  if (code !== "(" && code !== "{") {
    if (alignments[code] === undefined) throw new MalformedError(`no type in "${signature}"`);
    return code;
  }
  const close = code === "(" ? ")" : "}";
  let type = code;
  while (signature[type.length] !== close) type += firstType(signature.slice(type.length));
  // A structure of nothing takes no bytes: an array of them would never end.
  if (type === code) throw new MalformedError(`an empty structure in "${signature}"`);
  return type + close;
}

/** Reads values one after the other. */
export class ValueReader {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #littleEndian: boolean;
  #at = 0;
  #depth = 0;

  constructor(bytes: Uint8Array, littleEndian: boolean) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#littleEndian = littleEndian;
  }

  /** All values of a signature. */
  readAll(signature: string): Value[] {
    const values: Value[] = [];
    for (let rest = signature; rest !== ""; ) {
      const type = firstType(rest);
      values.push(this.#read(type));
      rest = rest.slice(type.length);
    }
    return values;
  }

  /** Passes over what fills up to a bound. */
  align(to: number): void {
    this.#at = (this.#at + to - 1) & -to;
  }

  #take(size: number): number {
    const start = this.#at;
    if (size > this.#bytes.length - start) throw new MalformedError("a value is cut off");
    this.#at = start + size;
    return start;
  }

  #read(type: string): Value {
    const [code = ""] = type;
    this.align(alignments[code] ?? 1);
    switch (code) {
      case "a":
        return this.#nested(() => this.#readArray(type.slice(1)));
      case "(":
      case "{":
        return this.#nested(() => this.readAll(type.slice(1, -1)));
      case "v":
        return this.#nested(() => this.#readVariant());
      case "s":
      case "o":
        return this.#readText(this.#number("u"));
      case "g":
        return this.#readText(this.#number("y"));
      case "b":
        return this.#number("u") !== 0;
      case "x":
        return this.#view.getBigInt64(this.#take(8), this.#littleEndian);
      case "t":
        return this.#view.getBigUint64(this.#take(8), this.#littleEndian);
      case "d":
        return this.#view.getFloat64(this.#take(8), this.#littleEndian);
      default:
        return this.#number(code);
    }
  }

  #number(code: string): number {
    const little = this.#littleEndian;
    if (code === "y") return this.#view.getUint8(this.#take(1));
    if (code === "n") return this.#view.getInt16(this.#take(2), little);
    if (code === "q") return this.#view.getUint16(this.#take(2), little);
    if (code === "i") return this.#view.getInt32(this.#take(4), little);
    return this.#view.getUint32(this.#take(4), little);
  }

  #readText(length: number): string {
    const start = this.#take(length);
    if (this.#bytes[this.#take(1)] !== 0) throw new MalformedError("a text does not end");
    return decode(this.#bytes.subarray(start, start + length));
  }

  #readArray(type: string): Value[] {
    const length = this.#number("u");
    this.align(alignments[type[0] ?? ""] ?? 1);
    const end = this.#take(length) + length;
    this.#at = end - length;
    const values: Value[] = [];
    // Every value takes a byte at least, and none may reach past the end.
    while (this.#at < end) values.push(this.#read(type));
    if (this.#at !== end) throw new MalformedError("an array does not end with a value");
    return values;
  }

  #readVariant(): Value {
    const signature = this.#readText(this.#number("y"));
    const type = firstType(signature);
    if (type !== signature) throw new MalformedError(`a variant cannot hold "${signature}"`);
    return this.#read(type);
  }

  #nested<T>(work: () => T): T {
    if (++this.#depth > deepest) throw new MalformedError("values nest too deep");
    const value = work();
    this.#depth--;
    return value;
  }
}

/** Writes values one after the other; only the types that calls here need. */
export class ValueWriter {
  readonly #bytes: number[] = [];

  get length(): number {
    return this.#bytes.length;
  }

  get bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  align(to: number): void {
    while (this.#bytes.length % to !== 0) this.#bytes.push(0);
  }

  byte(value: number): void {
    this.#bytes.push(value & 0xff);
  }

  uint32(value: number): void {
    this.align(4);
    for (let shift = 0; shift < 32; shift += 8) this.#bytes.push((value >>> shift) & 0xff);
  }

  /** A string or an object's path. */
  text(value: string): void {
    const bytes = encode(value);
    this.uint32(bytes.length);
    this.#bytes.push(...bytes, 0);
  }

  signature(value: string): void {
    const bytes = encode(value);
    this.#bytes.push(bytes.length, ...bytes, 0);
  }

  /** Bytes as they are. */
  append(bytes: Uint8Array): void {
    this.#bytes.push(...bytes);
  }
}
