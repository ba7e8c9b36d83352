/** C structures: the fixed headers behind a netlink message's own, and those inside attributes. */

import type { Scalar, Siblings } from "./codec.ts";
import type { Reader, Writer } from "./wire.ts";

type Fields = Readonly<Record<string, Scalar<number>>>;

/** A C structure of numbers, in order and without holes. What is not given is written as zero. */
export interface Struct<F extends Fields> extends Scalar<{ [K in keyof F]: number }> {
  write(to: Writer, value: { readonly [K in keyof F]?: number }, siblings?: Siblings): void;
  read(from: Reader, start: number, end: number): { [K in keyof F]: number };
}

/** Declares a C structure: `struct({ family: u8, pad: u8, type: u16, index: s32 })`. */
export function struct<const F extends Fields>(fields: F): Struct<F> {
  const list = Object.entries(fields);
  const size = list.reduce((sum, [, field]) => sum + field.size, 0);
  return {
    size,
    write(to, value) {
      for (const [name, field] of list) field.write(to, value[name] ?? 0, {});
    },
    read(from, start, end) {
      const values: Record<string, number> = {};
      let at = start;
      for (const [name, field] of list) {
        values[name] = field.read(from, at, end, values);
        at += field.size;
      }
      return values as { [K in keyof F]: number };
    },
  };
}
