/** From a plugin's table to JSON Schema. */

import { toJsonSchema } from "@valibot/to-json-schema";
import type { GenericSchema } from "valibot";

/** A JSON Schema, or part of one. */
export type Json = { [keyword: string]: unknown };

/** What the table accepts as input. Checks that JSON Schema cannot say are left out, unless the table gives a hint. */
export function convert(schema: GenericSchema): Json {
  const json = toJsonSchema(schema as Parameters<typeof toJsonSchema>[0], {
    typeMode: "input",
    errorMode: "throw",
    // Functions of the plugin's own: metadata beside them says what can be said (pkg/skel/json-schema.ts).
    ignoreActions: ["check", "raw_check", "partial_check"],
  });
  const { $schema: _, ...rest } = json;
  // A copy: what several keys share in the table gets a description for each here.
  return structuredClone(tidy(rest)) as Json;
}

/** Without what says nothing: no key required, an empty text by default, any whole number. */
function tidy(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(tidy);
  if (typeof json !== "object" || json === null) return json;
  const kept = Object.entries(json).filter(([keyword, value]) => {
    if (keyword === "required") return !Array.isArray(value) || value.length > 0;
    if (keyword === "default") return value !== "";
    return value !== Number.MIN_SAFE_INTEGER && value !== Number.MAX_SAFE_INTEGER;
  });
  return Object.fromEntries(kept.map(([keyword, value]) => [keyword, tidy(value)]));
}

/**
 * Visits every key of the objects in a schema, list steps left out of its path: `ipam.ranges.subnet`. An object that
 * is one of several forms of a value (anyOf) is described by the value's own text.
 */
export function eachKey(
  json: unknown,
  visit: (path: string, schema: Json) => void,
  prefix = "",
): void {
  const { properties, items } = (json ?? {}) as { [keyword: string]: unknown };
  for (const [key, schema] of Object.entries((properties ?? {}) as Record<string, Json>)) {
    visit(`${prefix}${key}`, schema);
    eachKey(schema, visit, `${prefix}${key}.`);
  }
  if (items !== undefined) eachKey(items, visit, prefix);
}
