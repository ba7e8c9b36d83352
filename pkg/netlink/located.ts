/** A set of attributes read one by one: of a link's 60, a reader wants five. */

import type { Attributes, Siblings, Table, ValueOf } from "./codec.ts";
import { ATTRIBUTE_HEADER, attributeLength, Reader, TYPE_MASK } from "./wire.ts";

/** Where the attributes of a set lie. Each is looked for, and decoded, when it is asked for. */
export class Located<T extends Table> {
  readonly #from: Reader;
  readonly #table: T;
  /** By type, behind the header; 0 for what is not there, or not passed yet. */
  readonly #starts: Uint32Array;
  readonly #end: number;
  /** How far the set has been looked through. */
  #next: number;

  private constructor(set: Attributes<T>, from: Reader, start: number, end: number) {
    this.#from = from;
    this.#table = set.table;
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
    return new Located(set, new Reader(bytes), 0, end - start);
  }

  /** The value of an attribute; undefined if there is none. Throws WireError for what is no set of attributes. */
  get<Name extends keyof T & string>(name: Name): ValueOf<T[Name][1]> | undefined {
    const entry = this.#table[name];
    const start = entry === undefined ? 0 : this.#startOf(entry[0]);
    if (entry === undefined || start === 0) return undefined;
    const codec = entry[1];
    const siblings = codec.tag === undefined ? alone : { [codec.tag]: this.get(codec.tag) };
    return codec.read(this.#from, start, this.#endOf(start), siblings) as ValueOf<T[Name][1]>;
  }

  /** The attributes inside an attribute; undefined if there is none. */
  nested<U extends Table>(name: keyof T & string, set: Attributes<U>): Located<U> | undefined {
    const entry = this.#table[name];
    const start = entry === undefined ? 0 : this.#startOf(entry[0]);
    if (start === 0) return undefined;
    return new Located(set, this.#from, start, this.#endOf(start));
  }

  #startOf(type: number): number {
    return this.#starts[type] || this.#lookFor(type);
  }

  /** Goes on to the attribute and notes what is passed; 0 if it does not come. */
  #lookFor(wanted: number): number {
    const starts = this.#starts;
    const { words } = this.#from;
    const end = this.#end;
    for (let at = this.#next; at < end; ) {
      const header = words[at >> 2] as number;
      const length = header & 0xffff;
      // Whatever is wrong with it, this says it.
      if (length < ATTRIBUTE_HEADER || length > end - at) {
        attributeLength(this.#from.bytes, at, end);
      }
      const type = (header >> 16) & TYPE_MASK;
      const start = at + ATTRIBUTE_HEADER;
      // Outside of the table it has no place, and goes nowhere.
      starts[type] = start;
      at += (length + 3) & ~3;
      if (type === wanted) {
        this.#next = at;
        return start;
      }
    }
    this.#next = end;
    return 0;
  }

  /** Behind the attribute's payload: its header was looked at when it was found. */
  #endOf(start: number): number {
    const at = start - ATTRIBUTE_HEADER;
    return at + ((this.#from.words[at >> 2] as number) & 0xffff);
  }
}

const alone: Siblings = {};
