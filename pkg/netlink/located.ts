/** A set of attributes read one by one: of a link's 60, a reader wants five. */

import type { Attributes, Siblings, Table, ValueOf } from "./codec.ts";
import { ATTRIBUTE_HEADER, attributeLength, Reader, TYPE_MASK } from "./wire.ts";

/** A header's type, in the word that it is. */
const TYPE_BITS = TYPE_MASK << 16;

/** The attributes of a set. Each is looked for, and decoded, when it is asked for. */
export class Located<T extends Table> {
  readonly #from: Reader;
  readonly #set: Attributes<T>;
  readonly #start: number;
  readonly #end: number;
  /** Where each type was first seen, as far as they have been passed. */
  #places: Int32Array | undefined;
  /** How far that is. */
  #passed: number;

  private constructor(set: Attributes<T>, from: Reader, start: number, end: number) {
    this.#from = from;
    this.#set = set;
    this.#start = start;
    this.#end = end;
    this.#places = undefined;
    this.#passed = start;
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
    if (this.#places === undefined) this.#places = new Int32Array(this.#set.types);
    const places = this.#places;
    const before = places[type] as number;
    if (before !== 0) return before;
    const { words } = this.#from;
    const count = places.length;
    const end = this.#end >> 2;
    let at = this.#passed >> 2;
    while (at < end) {
      const header = words[at] as number;
      const length = header & 0xffff;
      if (length < ATTRIBUTE_HEADER) break;
      const found = (header & TYPE_BITS) >> 16;
      const place = (at << 2) + ATTRIBUTE_HEADER;
      at += (length + 3) >> 2;
      if (found === type) {
        places[type] = this.#checked(place);
        this.#passed = at << 2;
        return place;
      }
      if (found < count && places[found] === 0) places[found] = place;
    }
    this.#passed = at << 2;
    if (at !== (this.#end + 3) >> 2) this.#complain();
    return 0;
  }

  #checked(place: number): number {
    attributeLength(this.#from.bytes, place - ATTRIBUTE_HEADER, this.#end);
    return place;
  }

  /** Says which attribute is none, now and whenever one is asked for. */
  #complain(): void {
    this.#places = undefined;
    this.#passed = this.#start;
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
