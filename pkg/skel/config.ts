/** Reads a plugin's configuration through its table: keys as the reference matches them, errors that say where and what. */

import * as v from "valibot";
import { CniError, ErrorCode } from "../cni/error.ts";
import { readQuickly, unsure } from "./quick-reader.ts";

type AnySchema = v.GenericSchema;
type Json = Record<string, unknown>;

/**
 * The value with its keys spelled as the schema spells them: where no key matches exactly, one that differs
 * in case only is taken, and a null counts as absent, as Go's encoding/json has it. Unknown keys are kept.
 * Throws code 7 for a list where an object is wanted, which valibot lets pass. `path` is for that message.
 */
export function foldKeys(schema: AnySchema, value: unknown, path = ""): unknown {
  const shape = schema as { entries?: v.ObjectEntries; item?: AnySchema; wrapped?: AnySchema };
  if (shape.wrapped !== undefined) return foldKeys(shape.wrapped, value, path);
  if (Array.isArray(value)) {
    if (shape.entries !== undefined) throw invalid(path, "an object", value);
    const item = shape.item;
    if (item === undefined) return value;
    return value.map((element, index) => foldKeys(item, element, `${path}[${index}]`));
  }
  if (shape.entries === undefined || typeof value !== "object" || value === null) return value;
  return foldObject(shape.entries, value as Json, path);
}

function foldObject(entries: v.ObjectEntries, value: Json, path: string): Json {
  const folded: Json = {};
  for (const key of Object.keys(value)) {
    // To assign it would give the object a prototype, whose keys valibot would then find.
    if (key === "__proto__") continue;
    const known = Object.hasOwn(entries, key) ? key : spelledLike(key, entries);
    if (known !== undefined && known !== key && known in value) continue;
    const schema = known === undefined ? undefined : entries[known];
    const inner = value[key];
    if (known === undefined || schema === undefined) folded[key] = inner;
    else if (inner !== null) {
      folded[known] = foldKeys(
        schema as AnySchema,
        inner,
        path === "" ? known : `${path}.${known}`,
      );
    }
  }
  return folded;
}

function spelledLike(key: string, entries: v.ObjectEntries): string | undefined {
  const lower = key.toLowerCase();
  for (const known in entries) if (known.toLowerCase() === lower) return known;
  return undefined;
}

/**
 * The configuration as the table types it. Throws code 7 naming the key, its value and what was expected. Quick
 * for a table that `prepare` has seen.
 */
export function readConfig<Schema extends AnySchema>(
  schema: Schema,
  json: unknown,
): v.InferOutput<Schema> {
  const config = readQuickly(schema, json);
  return config === unsure ? readThoroughly(schema, json) : (config as v.InferOutput<Schema>);
}

function readThoroughly<Schema extends AnySchema>(
  schema: Schema,
  json: unknown,
): v.InferOutput<Schema> {
  const parsed = v.safeParse(schema, foldKeys(schema, json), { abortEarly: true });
  if (parsed.success) return parsed.output;
  throw new CniError(ErrorCode.invalidConfig, describeIssue(parsed.issues[0]));
}

function describeIssue(issue: v.BaseIssue<unknown>): string {
  // A check of our own says it all; only the library's own issues need the key and the value added.
  if (issue.type === "check") return issue.message;
  // A key that has to be there: the library expects its name.
  if (issue.input === undefined) return `"${pathOf(issue)}" is missing`;
  return invalid(pathOf(issue), readable(issue.expected ?? issue.type), issue.input).message;
}

function invalid(key: string, expected: string, value: unknown): CniError {
  const message = `invalid value for "${key}": expected ${expected}, got ${shorten(value)}`;
  return new CniError(ErrorCode.invalidConfig, message);
}

/** `ipam.ranges[0][1].subnet`, the way a person would point at it. */
function pathOf(issue: v.BaseIssue<unknown>): string {
  let path = "";
  for (const step of issue.path ?? []) {
    if (typeof step.key === "number") path += `[${step.key}]`;
    else path += path === "" ? String(step.key) : `.${String(step.key)}`;
  }
  return path;
}

function readable(expected: string): string {
  if (expected === "Object") return "an object";
  if (expected === "Array") return "a list";
  // Of several, the library says `("a" | "b")`.
  return expected.replace(/^\((.*)\)$/, "$1").replaceAll(" | ", " or ");
}

const longestValue = 80;

function shorten(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > longestValue ? `${text.slice(0, longestValue)}...` : text;
}
