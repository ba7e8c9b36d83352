/** A set of attributes read one by one: of a link's 60, a reader wants five. */

import type { Attributes, Siblings, Table, ValueOf } from "./codec.ts";
import { ATTRIBUTE_HEADER, attributeLength, Reader, TYPE_MASK } from "./wire.ts";

/** Where the attributes of a set lie. Each is looked for, and decoded, when it is asked for. */
export class Located<T extends Table> {
  readonly #from: Reader;
  readonly #table: T;
  /** The same bytes by twos, in which an attribute's header is two elements: it lies on a four-byte bound. */
  readonly #pairs: Uint16Array;
  /** By type, behind the header; 0 for what is not there, or not passed yet. */
  readonly #starts: Uint32Array;
  readonly #end: number;
  /** How far the set has been looked through. */
  #next: number;

  private constructor(set: Attributes<T>, from: Reader, start: number, end: number) {
    this.#from = from;
    this.#table = set.table;
    this.#pairs = new Uint16Array(from.bytes.buffer, 0, from.bytes.length >> 1);
    this.#starts = new Uint32Array(set.highest + 1);
    this.#next = start;
    this.#end = end;
  }

  /** The attributes in a copy of the bytes: what was received is overwritten by what comes next. */
  static copyOf<T extends Table>(
    set: Attributes<T>,
    from: Reader,
    start: number,
    end: number,
  ): Located<T> {
    const bytes = from.bytes.slice(start, end);
    return new Located(set, new Reader(bytes), 0, bytes.length);
  }

  /** The value of an attribute; undefined if there is none. Throws WireError for what is no set of attributes. */
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
    const type = this.#table[name]?.[0];
    if (type === undefined) return 0;
    return this.#starts[type] || this.#lookFor(type);
  }

  /** Goes on to the attribute and notes what is passed; 0 if it does not come. */
  #lookFor(wanted: number): number {
    const starts = this.#starts;
    const pairs = this.#pairs;
    const end = this.#end;
    const highest = starts.length - 1;
    let at = this.#next;
    let found = 0;
    while (at < end && found === 0) {
      const length = pairs[at >> 1] ?? 0;
      // Whatever is wrong with it, this says it.
      if (length < ATTRIBUTE_HEADER || length > end - at)
        attributeLength(this.#from.bytes, at, end);
      const type = (pairs[(at >> 1) + 1] as number) & TYPE_MASK;
      if (type <= highest) starts[type] = at + ATTRIBUTE_HEADER;
      if (type === wanted) found = at + ATTRIBUTE_HEADER;
      at += (length + 3) & ~3;
    }
    this.#next = at;
    return found;
  }

  #endOf(start: number): number {
    const at = start - ATTRIBUTE_HEADER;
    const { bytes } = this.#from;
    return at + attributeLength(bytes, at, bytes.length);
  }
}
