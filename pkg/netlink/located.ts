/** A set of attributes read one by one: of a link's 60, a reader wants five. */

import type { Attributes, Siblings, Table, ValueOf } from "./codec.ts";
import { ATTRIBUTE_HEADER, attributeLength, Reader, TYPE_MASK } from "./wire.ts";

/** The attributes of a set. Each is looked for, and decoded, when it is asked for. */
export class Located<T extends Table> {
  readonly #from: Reader;
  readonly #set: Attributes<T>;
  readonly #start: number;
  readonly #end: number;
  /** By type, the word behind the header; 0 where there is none. Made when the first one is asked for. */
  #places: Int32Array | undefined;

  private constructor(set: Attributes<T>, from: Reader, start: number, end: number) {
    this.#from = from;
    this.#set = set;
    this.#start = start;
    this.#end = end;
    this.#places = undefined;
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

  /** The attributes where they lie: to be asked for at once. */
  static within<T extends Table>(
    set: Attributes<T>,
    from: Reader,
    start: number,
    end: number,
  ): Located<T> {
    return new Located(set, from, start, end);
  }

  /** The value of an attribute; undefined if there is none. Throws WireError for what is no set of attributes. */
  get<Name extends keyof T & string>(name: Name): ValueOf<T[Name][1]> | undefined {
    const entry = this.#set.table[name];
    const start = entry === undefined ? 0 : this.#startOf(entry[0]);
    if (entry === undefined || start === 0) return undefined;
    const codec = entry[1];
    const siblings = codec.tag === undefined ? alone : { [codec.tag]: this.get(codec.tag) };
    return codec.read(this.#from, start, this.#endOf(start), siblings) as ValueOf<T[Name][1]>;
  }

  /** The attributes inside an attribute; undefined if there is none. */
  nested<U extends Table>(name: keyof T & string, set: Attributes<U>): Located<U> | undefined {
    const entry = this.#set.table[name];
    const start = entry === undefined ? 0 : this.#startOf(entry[0]);
    if (start === 0) return undefined;
    return new Located(set, this.#from, start, this.#endOf(start));
  }

  /** Where the payload of an attribute starts; 0 if there is none. */
  #startOf(type: number): number {
    this.#places ??= this.#findAll();
    return (this.#places[type] as number) << 2;
  }

  /** One walk costs as much as three to one attribute, of which each reader wants several. */
  #findAll(): Int32Array {
    const places = new Int32Array(this.#set.types);
    const { words } = this.#from;
    const end = this.#end >> 2;
    let at = this.#start >> 2;
    while (at < end) {
      const header = words[at] as number;
      // A type beyond the table's is written nowhere, as an array of fixed length has it.
      places[(header >> 16) & TYPE_MASK] = ++at;
      // A length below the header's counts as 64 KB, which leads past the end: no set is so long.
      at += (((header - 4) & 0xffff) + 3) >> 2;
    }
    // Rounded up, the last one may seem to end where it should only where that is no bound.
    if (at !== (this.#end + 3) >> 2 || (this.#end & 3) !== 0) this.#complain();
    return places;
  }

  /** Says which attribute is none, if there is one. */
  #complain(): void {
    const { bytes } = this.#from;
    for (let at = this.#start; at < this.#end; ) {
      at += (attributeLength(bytes, at, this.#end) + 3) & ~3;
    }
  }

  /** Behind the attribute's payload: its header was looked at when it was found. */
  #endOf(start: number): number {
    const at = start - ATTRIBUTE_HEADER;
    return at + ((this.#from.words[at >> 2] as number) & 0xffff);
  }
}

const alone: Siblings = {};
