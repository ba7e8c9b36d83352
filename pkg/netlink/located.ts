/** A set of attributes read one by one: of a link's 60, a reader wants five. */

import type { Attributes, Siblings, Table, ValueOf } from "./codec.ts";
import { ATTRIBUTE_HEADER, attributeLength, attributeType, Reader } from "./wire.ts";

/** Where the attributes of a set lie. Each is decoded when it is asked for. */
export class Located<T extends Table> {
  readonly #from: Reader;
  readonly #table: T;
  /** By type, behind the header; 0 for what is not there. */
  readonly #starts: Uint32Array;

  /** Finds the attributes. Throws WireError for what cannot be a set of them. */
  constructor(set: Attributes<T>, from: Reader, start: number, end: number) {
    const { bytes } = from;
    const starts = new Uint32Array(set.highest + 1);
    for (let at = start; at < end; ) {
      const length = attributeLength(bytes, at, end);
      const type = attributeType(bytes, at);
      if (type < starts.length) starts[type] = at + ATTRIBUTE_HEADER;
      at += (length + 3) & ~3;
    }
    this.#from = from;
    this.#table = set.table;
    this.#starts = starts;
  }

  /** The same on a copy of the bytes: what was received is overwritten by what comes next. */
  static copyOf<T extends Table>(
    set: Attributes<T>,
    from: Reader,
    start: number,
    end: number,
  ): Located<T> {
    const bytes = from.bytes.slice(start, end);
    return new Located(set, new Reader(bytes), 0, bytes.length);
  }

  /** The value of an attribute; undefined if there is none. */
  get<Name extends keyof T & string>(name: Name): ValueOf<T[Name][1]> | undefined {
    const entry = this.#table[name];
    const start = this.#startOf(name);
    if (entry === undefined || start === 0) return undefined;
    const codec = entry[1];
    const siblings: Siblings = codec.tag === undefined ? {} : { [codec.tag]: this.get(codec.tag) };
    return codec.read(this.#from, start, this.#endOf(start), siblings) as ValueOf<T[Name][1]>;
  }

  /** The attributes inside an attribute; undefined if there is none. */
  nested<U extends Table>(name: keyof T & string, set: Attributes<U>): Located<U> | undefined {
    const start = this.#startOf(name);
    if (start === 0) return undefined;
    return new Located(set, this.#from, start, this.#endOf(start));
  }

  #startOf(name: keyof T & string): number {
    const entry = this.#table[name];
    return entry === undefined ? 0 : (this.#starts[entry[0]] ?? 0);
  }

  #endOf(start: number): number {
    const at = start - ATTRIBUTE_HEADER;
    const { bytes } = this.#from;
    return at + attributeLength(bytes, at, bytes.length);
  }
}
