/** Reading the fields of decoded JSON as Go's encoding/json finds them, with errors that name the place. */

import { formatAddress, parseAddress } from "../ip/address.ts";
import { formatPrefix, parsePrefix } from "../ip/prefix.ts";
import { CniError, ErrorCode } from "./error.ts";
import { goJson } from "./json.ts";

/** What readFields found, by name. */
export type Fields = Readonly<Record<string, unknown>>;

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

/** An object's fields by name; `where` names the object in errors. */
export function readFields<Name extends string>(
  value: unknown,
  where: string,
  names: readonly Name[],
): Partial<Record<Name, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return foldKeys(value, names);
  }
  throw unexpected(value, where || "result", "an object");
}

/** A list's items; absent and empty are the same. */
export function readList<Item>(
  fields: Fields,
  name: string,
  where: string,
  readItem: (value: unknown, where: string) => Item,
): Item[] | undefined {
  const value = fields[name];
  if (value === undefined) return undefined;
  const place = placeOf(name, where);
  if (!Array.isArray(value)) throw unexpected(value, place, "a list");
  if (value.length === 0) return undefined;
  return value.map((item, index) => readItem(item, `${place}[${index}]`));
}

/** A text; absent and empty are the same. */
export function readText(fields: Fields, name: string, where: string): string | undefined {
  const value = fields[name];
  if (value === undefined || value === "") return undefined;
  if (typeof value !== "string") throw unexpected(value, placeOf(name, where), "a string");
  return value;
}

/** A text in a list, where null is an empty one. */
export function readTextItem(value: unknown, where: string): string {
  if (typeof value === "string") return value;
  if (value === null) return "";
  throw unexpected(value, where, "a string");
}

export function readInteger(fields: Fields, name: string, where: string): number | undefined {
  const value = fields[name];
  if (value === undefined) return undefined;
  if (!Number.isSafeInteger(value)) throw unexpected(value, placeOf(name, where), "an integer");
  return value as number;
}

/** An address with prefix length in its canonical text; it must be there. */
export function readPrefix(fields: Fields, name: string, where: string): string {
  const value = fields[name];
  if (typeof value !== "string") {
    throw unexpected(value, placeOf(name, where), "an address with prefix length");
  }
  const prefix = parsePrefix(value);
  if (prefix) return formatPrefix(prefix);
  throw undecodable(`invalid CIDR address: ${value}`, placeOf(name, where));
}

/** An address in its canonical text; absent and empty are the same. */
export function readAddress(fields: Fields, name: string, where: string): string | undefined {
  const text = readText(fields, name, where);
  if (text === undefined) return undefined;
  const address = parseAddress(text);
  if (address) return formatAddress(address);
  throw undecodable(`invalid IP address: ${text}`, placeOf(name, where));
}

/** The same object, rid of the keys that hold nothing. */
export function defined<T extends object>(object: T): T {
  for (const key in object) {
    if (object[key] === undefined) delete object[key];
  }
  return object;
}

function isOneOf<Name extends string>(names: readonly Name[], key: string): key is Name {
  return (names as readonly string[]).includes(key);
}

function sameFolded<Name extends string>(names: readonly Name[], key: string): Name | undefined {
  return names.find((it) => it.length === key.length && fold(it) === fold(key));
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
