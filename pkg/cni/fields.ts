/** Reading the fields of decoded JSON as Go's encoding/json finds them, with errors that name the place. */

import { formatAddress, parseAddress } from "../ip/address.ts";
import { formatPrefix, parsePrefix } from "../ip/prefix.ts";
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
  for (const [key, value] of Object.entries(object)) {
    if (value === null) continue;
    const name = names.find((it) => it === key) ?? sameFolded(names, key);
    if (name !== undefined) fields[name] = value;
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
  throw unexpected(value, where, "an object");
}

/** A list's items; absent, null and empty are the same. */
export function readList<Item>(
  value: unknown,
  where: string,
  readItem: (value: unknown, where: string) => Item,
): Item[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) throw unexpected(value, where, "a list");
  if (value.length === 0) return undefined;
  return value.map((item, index) => readItem(item, `${where}[${index}]`));
}

/** A text; absent, null and empty are the same. */
export function readText(value: unknown, where: string): string | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value !== "string") throw unexpected(value, where, "a string");
  return value;
}

export function readInteger(value: unknown, where: string): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Number.isSafeInteger(value)) throw unexpected(value, where, "an integer");
  return value as number;
}

/** An address with prefix length in its canonical text; it must be there. */
export function readPrefix(value: unknown, where: string): string {
  if (typeof value !== "string") throw unexpected(value, where, "an address with prefix length");
  const prefix = parsePrefix(value);
  if (prefix) return formatPrefix(prefix);
  throw undecodable(`invalid CIDR address: ${value}`, where);
}

/** An address in its canonical text; absent, null and empty are the same. */
export function readAddress(value: unknown, where: string): string | undefined {
  const text = readText(value, where);
  if (text === undefined) return undefined;
  const address = parseAddress(text);
  if (address) return formatAddress(address);
  throw undecodable(`invalid IP address: ${text}`, where);
}

/** The object without the keys that hold nothing. */
export function defined<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, it]) => it !== undefined)) as T;
}

function sameFolded<Name extends string>(names: readonly Name[], key: string): Name | undefined {
  const folded = fold(key);
  return names.find((it) => fold(it) === folded);
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
