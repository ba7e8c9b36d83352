/** Attribute sets declared as tables: `name: [kernel number, codec]`. The value's type follows from the table. */

import { decode as decodeText, encode as encodeText } from "../sys/text.ts";
import {
  attributeLength,
  attributeType,
  ATTRIBUTE_HEADER as HEADER,
  type Memory,
  Reader,
  WireError,
  Writer,
} from "./wire.ts";

/** The other attributes of the same set, for an attribute whose form depends on one of them. */
export type Siblings = Readonly<Record<string, unknown>>;

/** Writes values of one type and reads them back. */
export interface Codec<T> {
  /** Whether NLA_F_NESTED goes on the attribute: only where iproute2 or the kernel want it. */
  readonly nested?: true;
  /** Whether it is a number of four bytes in the machine's order, which needs no call to be written. */
  readonly isWord?: true | undefined;
  /** The sibling that its form depends on. */
  readonly tag?: string;
  write(to: Writer, value: T, siblings: Siblings): void;
  read(from: Reader, start: number, end: number, siblings: Siblings): T;
}

/** What a codec writes and reads. */
export type ValueOf<C> = C extends Codec<infer T> ? T : never;

export type Table = Readonly<Record<string, readonly [type: number, codec: Codec<unknown>]>>;
type Values<T extends Table> = { -readonly [K in keyof T]?: ValueOf<T[K][1]> };

/** A set of attributes. It is a codec too, so that a table can name another: a nested attribute. */
export interface Attributes<T extends Table = Table> extends Codec<Values<T>> {
  readonly table: T;
  /** Above every type in the table, and most that a newer kernel has. */
  readonly types: number;
}

/** NLA_F_NESTED, linux/netlink.h */
const NESTED = 0x8000;

/** Declares a set of attributes. They are written in the value's key order; unknown ones are skipped in reading. */
export function attributes<const T extends Table>(table: T): Attributes<T> {
  const byType = new Map<number, { name: string; codec: Codec<unknown> }>();
  for (const [name, [type, codec]] of Object.entries(table)) byType.set(type, { name, codec });
  return {
    table,
    types: (Math.max(0, ...byType.keys()) | 63) + 1,
    write(to, values) {
      const untyped: Siblings = values;
      for (const name in values) {
        const value = untyped[name];
        const entry = table[name];
        if (value === undefined || entry === undefined) continue;
        writeAttribute(to, entry, value, untyped);
      }
    },
    read(from, start, end) {
      const values: Record<string, unknown> = {};
      const { bytes } = from;
      for (let at = start; at < end; ) {
        const length = attributeLength(bytes, at, end);
        const known = byType.get(attributeType(bytes, at));
        if (known !== undefined) {
          values[known.name] = known.codec.read(from, at + HEADER, at + length, values);
        }
        at += (length + 3) & ~3;
      }
      return values as Values<T>;
    },
  };
}

function writeAttribute(
  to: Writer,
  entry: Table[string],
  value: unknown,
  siblings: Siblings,
): void {
  // Not destructured: that costs an iterator, which is more than all the rest. And room is not asked for by a call.
  const codec = entry[1];
  const start = to.length;
  const payload = start + HEADER;
  if (codec.isWord) {
    const end = payload + 4;
    if (end > to.capacity) to.grow(end);
    const { words } = to;
    words[start >> 2] = (HEADER + 4) | (entry[0] << 16);
    words[payload >> 2] = value as number;
    to.length = end;
    return;
  }
  if (payload > to.capacity) to.grow(payload);
  to.length = payload;
  codec.write(to, value, siblings);
  const length = to.length - start;
  if (length > 0xffff) throw new WireError(`cannot encode an attribute of ${length} bytes`);
  to.words[start >> 2] = length | (entry[0] << 16) | (codec.nested ? NESTED << 16 : 0);
  to.length = (start + length + 3) & ~3;
}

const alone: Siblings = {};

/**
 * Writes one attribute, by its entry in a table: `put(to, table.mtu, 1500)`. Nothing for undefined. A set's `write` goes
 * through the keys of a value, which costs as much as three attributes.
 */
export function put<T>(
  to: Writer,
  entry: readonly [type: number, codec: Codec<T>],
  value: T | undefined,
  siblings: Siblings = alone,
): void {
  if (value !== undefined) writeAttribute(to, entry as Table[string], value, siblings);
}

/** The same codec with NLA_F_NESTED on its attribute. */
export function flagged<T>(codec: Codec<T>): Codec<T> {
  return { ...codec, nested: true, isWord: undefined };
}

/** A list whose elements are attributes of one type, as NFTA_LIST_ELEM or IFLA_ALT_IFNAME. */
export function listOf<T>(type: number, codec: Codec<T>): Codec<T[]> {
  return {
    write(to, values, siblings) {
      for (const value of values) writeAttribute(to, [type, codec], value, siblings);
    },
    read(from, start, end, siblings) {
      const values: T[] = [];
      for (let at = start; at < end; ) {
        const length = attributeLength(from.bytes, at, end);
        if (attributeType(from.bytes, at) === type) {
          values.push(codec.read(from, at + HEADER, at + length, siblings));
        }
        at += (length + 3) & ~3;
      }
      return values;
    },
  };
}

/** A number of known size, which a struct can hold too. */
export interface Scalar<T> extends Codec<T> {
  readonly size: number;
  readonly set: Set<T>;
  readonly get: Get<T>;
}

type Set<T> = (to: Memory, at: number, value: T) => void;
type Get<T> = (from: Memory, at: number) => T;

/** Declares such a number. */
export function scalar<T>(size: number, set: Set<T>, get: Get<T>): Scalar<T> {
  return {
    size,
    set,
    get,
    write(to, value) {
      const at = to.length;
      const end = at + size;
      if (end > to.capacity) to.grow(end);
      to.length = end;
      set(to, at, value);
    },
    read(from, start, end) {
      if (end - start < size) {
        throw new WireError(`cannot decode a number of ${size} bytes: ${end - start} are there`);
      }
      return get(from, start);
    },
  };
}

/** Four bytes in the machine's order. */
export interface Word extends Scalar<number> {
  readonly isWord: true;
}

function word(get: Get<number>): Word {
  const set: Set<number> = (to, at, value) => {
    to.words[at >> 2] = value;
  };
  return { ...scalar(4, set, get), isWord: true };
}

export const u8 = scalar<number>(
  1,
  (to, at, value) => {
    to.bytes[at] = value;
  },
  (from, at) => from.bytes[at] as number,
);

export const u16 = scalar<number>(
  2,
  ({ bytes }, at, value) => {
    bytes[at] = value;
    bytes[at + 1] = value >> 8;
  },
  ({ bytes }, at) => (bytes[at] as number) | ((bytes[at + 1] as number) << 8),
);

export const u32 = word((from, at) => (from.words[at >> 2] as number) >>> 0);

export const s32 = word((from, at) => from.words[at >> 2] as number);

/** Network byte order. */
export const be16 = scalar<number>(
  2,
  ({ bytes }, at, value) => {
    bytes[at] = value >> 8;
    bytes[at + 1] = value;
  },
  ({ bytes }, at) => ((bytes[at] as number) << 8) | (bytes[at + 1] as number),
);

/** Network byte order. */
export const be32 = scalar<number>(
  4,
  (to, at, value) => {
    to.words[at >> 2] = swapped(value);
  },
  (from, at) => swapped(from.words[at >> 2] as number) >>> 0,
);

/** A word with its bytes the other way round. */
function swapped(word: number): number {
  return (word >>> 24) | ((word >>> 8) & 0xff00) | ((word << 8) & 0xff0000) | (word << 24);
}

/** A truth value the kernel keeps in a byte. */
export const boolean: Codec<boolean> = {
  write: (to, value) => u8.write(to, value ? 1 : 0, {}),
  read: (from, start, end) => u8.read(from, start, end, {}) !== 0,
};

/** An attribute without a payload: there or not. Leave it out rather than give false. */
export const flag: Codec<true> = {
  write: () => {},
  read: () => true,
};

/** Text with a NUL behind it. */
export const string: Codec<string> = {
  write(to, value) {
    const text = encodeText(value);
    if (text.indexOf(0) >= 0) throw new WireError(`cannot encode ${JSON.stringify(value)}`);
    to.append(text);
    to.reserve(1);
  },
  read: readText,
};

/** Text without the NUL, as iproute2 sends IFLA_INFO_KIND. */
export const bareString: Codec<string> = {
  write: (to, value) => to.append(encodeText(value)),
  read: readText,
};

/** Up to the first NUL: the kernel pads some texts with more than one. */
function readText(from: Reader, start: number, end: number): string {
  const nul = from.bytes.indexOf(0, start);
  return decodeText(from.bytes.subarray(start, nul < 0 || nul > end ? end : nul));
}

export const bytes: Codec<Uint8Array> = {
  write: (to, value) => to.append(value),
  read: (from, start, end) => from.bytes.slice(start, end),
};

/** The bytes of one value: for tests, and for what travels outside a message. */
export function encode<T>(codec: Codec<T>, value: T): Uint8Array {
  const to = new Writer();
  codec.write(to, value, {});
  return to.written();
}

export function decode<T>(codec: Codec<T>, from: Uint8Array): T {
  return codec.read(new Reader(from), 0, from.length, {});
}
