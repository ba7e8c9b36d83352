/** C structures: the fixed headers behind a netlink message's own, and those inside attributes. */

import type { Scalar } from "./codec.ts";
import { type Reader, WireError, type Writer } from "./wire.ts";

type Fields = Readonly<Record<string, Scalar<number>>>;

type Full<F extends Fields> = { [K in keyof F]: number };

/** A C structure of numbers, in order and without holes. */
export interface Struct<F extends Fields> extends Scalar<Full<F>> {
  /** Writes it with zero for what is not given, as headers are wanted. */
  put(to: Writer, value: Readonly<Partial<Full<F>>>): void;
  read(from: Reader, start: number, end: number): Full<F>;
}

/** Declares a C structure: `struct({ family: u8, pad: u8, type: u16, index: s32 })`. */
export function struct<const F extends Fields>(fields: F): Struct<F> {
  let size = 0;
  const list = Object.entries(fields).map(([name, field]) => {
    const at = size;
    size += field.size;
    return { name, field, at };
  });
  const byName = new Map(list.map((field) => [field.name, field]));
  const put = (to: Writer, value: Readonly<Record<string, number | undefined>>): void => {
    const start = to.reserve(size);
    const { view } = to;
    // What was reserved is zero: most fields of most headers need nothing.
    for (const name in value) {
      const number = value[name];
      const known = number ? byName.get(name) : undefined;
      if (number && known) known.field.set(view, start + known.at, number);
    }
  };
  return {
    size,
    set: (view, start, value) => {
      for (const { name, field, at } of list) field.set(view, start + at, value[name] ?? 0);
    },
    get: (view, start) => {
      const values: Record<string, number> = {};
      // Without iterator and destructuring, which cost as much as the rest.
      for (let index = 0; index < list.length; index++) {
        const known = list[index] as (typeof list)[number];
        values[known.name] = known.field.get(view, start + known.at);
      }
      return values as Full<F>;
    },
    write: put,
    put,
    read(from, start, end) {
      if (end - start < size) {
        throw new WireError(`cannot decode a structure of ${size} bytes: ${end - start} are there`);
      }
      return this.get(from.view, start);
    },
  };
}
