/** C structures: the fixed headers behind a netlink message's own, and those inside attributes. */

import type { Scalar } from "./codec.ts";
import type { Reader, Writer } from "./wire.ts";

type Fields = Readonly<Record<string, Scalar<number>>>;

/** No field depends on another. */
const none = {};

type Full<F extends Fields> = { [K in keyof F]: number };

/** A C structure of numbers, in order and without holes. */
export interface Struct<F extends Fields> extends Scalar<Full<F>> {
  /** Writes it with zero for what is not given, as headers are wanted. */
  put(to: Writer, value: Readonly<Partial<Full<F>>>): void;
  read(from: Reader, start: number, end: number): Full<F>;
}

/** Declares a C structure: `struct({ family: u8, pad: u8, type: u16, index: s32 })`. */
export function struct<const F extends Fields>(fields: F): Struct<F> {
  const list = Object.entries(fields).map(([name, field]) => ({ name, field }));
  const size = list.reduce((sum, { field }) => sum + field.size, 0);
  const put = (to: Writer, value: Readonly<Record<string, number | undefined>>): void => {
    for (const { name, field } of list) field.write(to, value[name] ?? 0, none);
  };
  return {
    size,
    write: put,
    put,
    read(from, start, end) {
      const values: Record<string, number> = {};
      let at = start;
      for (const { name, field } of list) {
        values[name] = field.read(from, at, end, values);
        at += field.size;
      }
      return values as Full<F>;
    },
  };
}
