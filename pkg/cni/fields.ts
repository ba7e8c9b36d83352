/** Reading the fields of decoded JSON as Go's encoding/json finds them, with errors that name the place. */

import { canonicalAddress } from "../ip/address.ts";
import { canonicalPrefix } from "../ip/prefix.ts";
import { CniError, ErrorCode } from "./error.ts";
import { goJson } from "./json.ts";

/**
 * The named fields of an object, under these names whatever the case of its keys. Of several keys for one
 * field the last wins; null counts as absent.
 */
export function foldKeys<Name extends string>(
  object: object,
  names: readonly Name[],
): Partial<Record<Name, unknown>> {
  const fields: Partial<Record<Name, unknown>> = {};
  const source = object as Fields;
  for (const key in source) {
    if (source[key] === null) continue;
    const name = isOneOf(names, key) ? key : sameFolded(names, key);
    if (name !== undefined) fields[name] = source[key];
  }
  return fields;
}

type Fields = Readonly<Record<string, unknown>>;

/** Reads a field's value, which is not null; undefined where it counts as absent. */
type ReadField<T> = (value: unknown, name: string, where: string) => T | undefined;

/** How each field of an object is read. */
type ReadFields<T> = { readonly [K in keyof T]-?: ReadField<T[K]> };

/** Reads an object; `where` names it in errors. */
export type ReadObject<T> = (value: unknown, where: string) => Partial<T>;

/**
 * The reader of an object with these fields: those that hold something, in the order they came in. An object that is as
 * it should be, as a plugin's result is, is taken itself: a copy costs as much as looking at it.
 */
export function objectReader<T>(fields: ReadFields<T>): ReadObject<T> {
  const names = Object.keys(fields);
  const readers = new Map<string, ReadField<unknown>>(Object.entries(fields));
  return (value, where) => {
    if (!isObject(value)) throw unexpected(value, where || "result", "an object");
    let result: Record<string, unknown> = value;
    for (const key in value) {
      const field = value[key];
      const own = readers.get(key);
      const name = own === undefined ? sameFolded(names, key) : key;
      const isThere = name !== undefined && field !== null && field !== undefined;
      const found = isThere ? (own ?? readers.get(name))?.(field, name, where) : undefined;
      if (result === value) {
        if (isThere && own !== undefined && found === field) continue;
        result = fieldsBefore(value, key);
      }
      if (!isThere) continue;
      if (found !== undefined) result[name] = found;
      // The last of several spellings counts.
      else if (name !== key) delete result[name];
    }
    return result as Partial<T>;
  };
}

function fieldsBefore(value: Fields, end: string): Record<string, unknown> {
  const before: Record<string, unknown> = {};
  for (const key in value) {
    if (key === end) break;
    before[key] = value[key];
  }
  return before;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The reader of a list; absent and empty are the same. */
export function listOf<Item>(readItem: (value: unknown, where: string) => Item): ReadField<Item[]> {
  return (value, name, where) => {
    const place = placeOf(name, where);
    if (!Array.isArray(value)) throw unexpected(value, place, "a list");
    if (value.length === 0) return undefined;
    let items: Item[] = value;
    for (let at = 0; at < value.length; at++) {
      const item = readItem(value[at], `${place}[${at}]`);
      if (item === value[at]) continue;
      if (items === value) items = value.slice();
      items[at] = item;
    }
    return items;
  };
}

/** A text; absent and empty are the same. */
export function text(value: unknown, name: string, where: string): string | undefined {
  if (typeof value === "string") return value === "" ? undefined : value;
  throw unexpected(value, placeOf(name, where), "a string");
}

/** A text in a list, where null is an empty one. */
export function textItem(value: unknown, where: string): string {
  if (typeof value === "string") return value;
  if (value === null) return "";
  throw unexpected(value, where, "a string");
}

export function integer(value: unknown, name: string, where: string): number {
  if (Number.isSafeInteger(value)) return value as number;
  throw unexpected(value, placeOf(name, where), "an integer");
}

/** An integer; absent and 0 are the same. */
export function nonZero(value: unknown, name: string, where: string): number | undefined {
  return integer(value, name, where) || undefined;
}

/** An address with prefix length in its canonical text. */
export function prefix(value: unknown, name: string, where: string): string {
  if (typeof value !== "string") throw noPrefix(value, name, where);
  const canonical = canonicalPrefix(value);
  if (canonical !== undefined) return canonical;
  throw undecodable(`invalid CIDR address: ${value}`, placeOf(name, where));
}

/** Throws where a field that has to hold an address with prefix length is not there. */
export function requirePrefix<T, Name extends keyof T & string>(
  object: T,
  name: Name,
  where: string,
): T & Required<Pick<T, Name>> {
  if (object[name] === undefined) throw noPrefix(undefined, name, where);
  return object as T & Required<Pick<T, Name>>;
}

function noPrefix(value: unknown, name: string, where: string): CniError {
  return unexpected(value, placeOf(name, where), "an address with prefix length");
}

/** An address in its canonical text; absent and empty are the same. */
export function address(value: unknown, name: string, where: string): string | undefined {
  const given = text(value, name, where);
  if (given === undefined) return undefined;
  const canonical = canonicalAddress(given);
  if (canonical !== undefined) return canonical;
  throw undecodable(`invalid IP address: ${given}`, placeOf(name, where));
}

function isOneOf<Name extends string>(names: readonly Name[], key: string): key is Name {
  return (names as readonly string[]).includes(key);
}

function sameFolded<Name extends string>(names: readonly Name[], key: string): Name | undefined {
  for (const name of names) {
    if (name.length === key.length && fold(name) === fold(key)) return name;
  }
  return undefined;
}

/** "ips[0].gateway"; fields of the outermost object go by their name alone. */
function placeOf(name: string, where: string): string {
  return where === "" ? name : `${where}.${name}`;
}

/** Go compares keys by simple case folding, in which two letters beyond ASCII meet an ASCII one. */
function fold(key: string): string {
  return key.replaceAll("\u017f", "s").replaceAll("\u212a", "k").toLowerCase();
}

function unexpected(value: unknown, where: string, expected: string): CniError {
  const message =
    value === undefined ? "it is missing" : `expected ${expected}, got ${kind(value)}`;
  return undecodable(`cannot read ${where}: ${message}`);
}

function kind(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" && value !== null ? "an object" : goJson(value);
}

function undecodable(message: string, where?: string): CniError {
  return new CniError(ErrorCode.decodingFailure, message, where);
}
