/**
 * Reads a right configuration by its table at a quarter of the library's price (measured: 80 thousand instructions
 * against 430). Of anything it is not sure of (a wrong value, a key in other letters, a kind of schema it does not know) it
 * says so, and the library decides; so the table remains the one source of what is right.
 */

import * as v from "valibot";

/** The answer where the library has to look. */
export const unsure = Symbol("unsure");

/** The parts of the library's schemas that are looked at here. */
interface Schema extends v.GenericSchema {
  readonly wrapped?: Schema;
  readonly item?: Schema;
  readonly key?: Schema;
  readonly value?: Schema;
  readonly entries?: Readonly<Record<string, Schema>>;
  readonly options?: readonly unknown[];
  readonly literal?: unknown;
  readonly pipe?: readonly [Schema, ...Action[]];
}

interface Action {
  readonly kind: string;
  readonly type: string;
  readonly requirement?: unknown;
}

type Json = Readonly<Record<string, unknown>>;

/** Reads a decoded JSON value as a schema has it, or answers `unsure`. */
type Read = (value: unknown) => unknown;

const readers = new Map<v.GenericSchema, Read>();

/** Prepares a table and all in it for `readQuickly`: found out when the image is built. */
export function prepare(schema: v.GenericSchema): void {
  readerOf(schema as Schema);
}

/** A decoded JSON value as the prepared schema has it, or `unsure`. */
export function readQuickly(schema: v.GenericSchema, value: unknown): unknown {
  return readers.get(schema)?.(value) ?? unsure;
}

function readerOf(schema: Schema): Read {
  const known = readers.get(schema);
  if (known !== undefined) return known;
  const read = schema.pipe === undefined ? plainReader(schema) : pipedReader(schema.pipe);
  readers.set(schema, read);
  return read;
}

const never: Read = () => unsure;

/** The reader of a schema without a pipe. */
function plainReader(schema: Schema): Read {
  const { type, wrapped, item, key, value, options, literal } = schema;
  switch (type) {
    case "optional":
      return wrapped === undefined ? never : readerOf(wrapped);
    case "string":
      return (value) => (typeof value === "string" ? value : unsure);
    case "boolean":
      return (value) => (typeof value === "boolean" ? value : unsure);
    case "number":
      return (value) => (typeof value === "number" ? value : unsure);
    case "object":
    case "loose_object":
      return objectReader(schema);
    case "array":
      return item === undefined ? never : listReader(readerOf(item));
    case "record":
      return key?.type === "string" && value !== undefined ? recordReader(readerOf(value)) : never;
    case "unknown":
      return (value) => value;
    case "literal":
      return (value) => (value === literal ? value : unsure);
    case "picklist":
      return (value) => (options?.includes(value) ? value : unsure);
    case "union":
      return unionReader(((options ?? []) as readonly Schema[]).map(readerOf));
    default:
      return never;
  }
}

function unionReader(choices: readonly Read[]): Read {
  return (value) => {
    for (const read of choices) {
      const result = read(value);
      if (result !== unsure) return result;
    }
    return unsure;
  };
}

function listReader(readItem: Read): Read {
  return (value) => {
    if (!Array.isArray(value)) return unsure;
    let items: unknown[] | undefined;
    for (let at = 0; at < value.length; at++) {
      const item = readItem(value[at]);
      if (item === unsure) return unsure;
      if (items === undefined && item !== value[at]) items = value.slice(0, at);
      if (items !== undefined) items.push(item);
    }
    return items ?? value;
  };
}

/** Keys that the library passes over in a record, for what they mean to objects. */
const passedOver = new Set(["__proto__", "prototype", "constructor"]);

function recordReader(readValue: Read): Read {
  return (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return unsure;
    const result: Record<string, unknown> = {};
    const given = value as Json;
    for (const key in given) {
      const inner = passedOver.has(key) ? unsure : readValue(given[key]);
      if (inner === unsure) return unsure;
      result[key] = inner;
    }
    return result;
  };
}

function pipedReader([first, ...actions]: readonly [Schema, ...Action[]]): Read {
  const read = readerOf(first);
  const active = actions.filter(({ kind }) => kind !== "metadata");
  if (active.length === 0) return read;
  if (first.type === "number" && first.pipe === undefined) {
    const bounds = boundsOf(active);
    if (bounds !== undefined) return integerReader(bounds);
  }
  const checks = active.map(checkOf);
  return (value) => {
    const result = read(value);
    for (let at = 0; at < checks.length && result !== unsure; at++) {
      if (!checks[at]?.(result)) return unsure;
    }
    return result;
  };
}

/** What whole numbers must keep to, where the actions say no more than that. */
function boundsOf(actions: readonly Action[]): readonly [number, number] | undefined {
  const among = (type: string) => actions.find((action) => action.type === type)?.requirement;
  const [least, most] = [among("min_value"), among("max_value")];
  const isAll = actions.length === 3 && actions.some(({ type }) => type === "integer");
  return isAll && typeof least === "number" && typeof most === "number" ? [least, most] : undefined;
}

/** One function for the four that a field has a thousand times in a list. */
function integerReader([least, most]: readonly [number, number]): Read {
  return (value) => {
    const number = value as number;
    // Whole numbers of 32 bits are told by one operator; of others there are few.
    const isWhole = (number | 0) === number || Number.isInteger(number);
    return isWhole && number >= least && number <= most ? number : unsure;
  };
}

type Check = (value: unknown) => boolean;

/** What an action checks. */
function checkOf({ type, requirement }: Action): Check {
  if (type === "check" || type === "integer") return requirement as Check;
  const bound = requirement as number;
  if (type === "min_value") return (value) => (value as number) >= bound;
  if (type === "max_value") return (value) => (value as number) <= bound;
  return () => false;
}

/** What is known of an object's keys before any value is seen. */
interface Shape {
  /** Without a prototype, whose keys no value means. */
  readonly byKey: Readonly<Record<string, Read>>;
  readonly lowerCase: ReadonlySet<string>;
  readonly defaults: Json;
  readonly required: readonly string[];
  readonly isLoose: boolean;
}

function objectReader({ entries, type }: Schema): Read {
  if (entries === undefined) return never;
  const byKey: Record<string, Read> = Object.create(null);
  const lowerCase = new Set(["__proto__"]);
  const defaults: Record<string, unknown> = {};
  const required: string[] = [];
  for (const [key, entry] of Object.entries(entries)) {
    byKey[key] = readerOf(entry);
    lowerCase.add(key.toLowerCase());
    const absent = v.safeParse(entry, undefined);
    if (!absent.success) required.push(key);
    else if (absent.output !== undefined) defaults[key] = absent.output;
  }
  const shape = { byKey, lowerCase, defaults, required, isLoose: type === "loose_object" };
  const hasDefaults = Object.keys(defaults).length > 0;
  return (value) => {
    if (typeof value !== "object" || value === null) return unsure;
    if (!hasDefaults && isRead(value as Json, shape)) return value;
    if (Array.isArray(value)) return unsure;
    return readObject(value as Json, shape);
  };
}

/** Whether a value is its own reading: in a list of a thousand, copies would cost more than all the looking. */
function isRead(given: Json, { byKey, required }: Shape): boolean {
  let isEmpty = true;
  for (const key in given) {
    const entry = given[key];
    // No key of a list is a table's.
    if (entry === null || byKey[key]?.(entry) !== entry) return false;
    isEmpty = false;
  }
  if (isEmpty && Array.isArray(given)) return false;
  for (let at = 0; at < required.length; at++) {
    if (given[required[at] as string] === undefined) return false;
  }
  return true;
}

function readObject(given: Json, shape: Shape): unknown {
  const { byKey, lowerCase, defaults, required, isLoose } = shape;
  const result: Record<string, unknown> = { ...defaults };
  for (const key in given) {
    const entry = given[key];
    const read = byKey[key];
    if (read === undefined) {
      // One of ours in other letters.
      if (lowerCase.has(key.toLowerCase())) return unsure;
      if (isLoose) result[key] = entry;
    } else if (entry !== null) {
      const inner = read(entry);
      if (inner === unsure) return unsure;
      result[key] = inner;
    }
  }
  for (let at = 0; at < required.length; at++) {
    if (result[required[at] as string] === undefined) return unsure;
  }
  return result;
}
