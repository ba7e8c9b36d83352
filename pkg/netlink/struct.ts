/** C structures: the fixed headers behind a netlink message's own, and those inside attributes. */

import type { Scalar, Word } from "./codec.ts";
import { type Memory, type Reader, WireError, type Writer } from "./wire.ts";

type Fields = Readonly<Record<string, Scalar<number>>>;

type Full<F extends Fields> = { [K in keyof F]: number };

/** One number of a structure, wherever the structure begins. */
export interface Field {
  set(to: Memory, start: number, value: number): void;
  get(from: Memory, start: number): number;
}

/** A C structure of numbers, in order and without holes. */
export interface Struct<F extends Fields> extends Scalar<Full<F>> {
  /** Its numbers one by one, for who wants one of many: `header.field.index.get(from, start)`. */
  readonly field: { readonly [K in keyof F]: Field };
  /**
   * Which of its words a number of four bytes is, for headers that are written or read often: `words[(start >> 2) + word.index]`
   * takes a tenth of what calls do.
   */
  readonly word: { readonly [K in keyof F as F[K] extends Word ? K : never]: number };
  /** Writes it with zero for what is not given, as headers are wanted. */
  put(to: Writer, value: Readonly<Partial<Full<F>>>): void;
  /** Throws WireError where it does not fit between the two. */
  require(start: number, end: number): void;
  read(from: Reader, start: number, end: number): Full<F>;
}

/** Declares a C structure: `struct({ family: u8, pad: u8, type: u16, index: s32 })`. */
export function struct<const F extends Fields>(fields: F): Struct<F> {
  let size = 0;
  const field: Record<string, Field> = {};
  /** By name, for writing without the detour by a field's own function. */
  const places: Record<string, { scalar: Scalar<number>; at: number }> = {};
  const word: Record<string, number> = {};
  const list = Object.entries(fields).map(([name, scalar]) => {
    const at = size;
    if (at % Math.min(scalar.size, 4) !== 0) throw new Error(`"${name}" is not on a bound`);
    size += scalar.size;
    const own: Field = {
      set: (to, start, value) => scalar.set(to, start + at, value),
      get: (from, start) => scalar.get(from, start + at),
    };
    field[name] = own;
    if (scalar.isWord) word[name] = at >> 2;
    const known = { name, own, scalar, at };
    places[name] = known;
    return known;
  });
  const put = (to: Writer, value: Readonly<Record<string, number | undefined>>): void => {
    const start = to.reserve(size);
    // What was reserved is zero: most fields of most headers need nothing.
    for (const name in value) {
      const number = value[name];
      const known = number ? places[name] : undefined;
      if (!number || !known) continue;
      const { scalar, at } = known;
      if (scalar.isWord) to.words[(start + at) >> 2] = number;
      else scalar.set(to, start + at, number);
    }
  };
  return {
    size,
    field: field as Struct<F>["field"],
    word: word as Struct<F>["word"],
    set: (to, start, value) => {
      for (const { name, own } of list) own.set(to, start, value[name] ?? 0);
    },
    get: (from, start) => {
      const values: Record<string, number> = {};
      // Without iterator and destructuring, which cost as much as the rest.
      for (let index = 0; index < list.length; index++) {
        const known = list[index] as (typeof list)[number];
        values[known.name] = known.scalar.get(from, start + known.at);
      }
      return values as Full<F>;
    },
    write: put,
    put,
    require(start, end) {
      if (end - start < size) {
        throw new WireError(`cannot decode a structure of ${size} bytes: ${end - start} are there`);
      }
    },
    read(from, start, end) {
      this.require(start, end);
      return this.get(from, start);
    },
  };
}
