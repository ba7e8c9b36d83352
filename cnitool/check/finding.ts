/** What `validate` has to say about a place in a file. */

import { type JsonNode, placeOf, toValue } from "../../libcni/json-tree.ts";

/** An error keeps the network from working, a warning names what is hardly meant, a note what is good to know. */
export type Severity = "error" | "warning" | "note";

export interface Finding {
  readonly severity: Severity;
  /** Where in the text, from 0. */
  readonly offset: number;
  readonly message: string;
}

/** A finding with its place as editors count. */
export interface Report extends Omit<Finding, "offset"> {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** The findings as reports, in the order of the text, none of them twice. */
export function reportsOf(file: string, text: string, findings: readonly Finding[]): Report[] {
  const sorted = [...findings].sort((a, b) => a.offset - b.offset);
  const seen = new Set<string>();
  return sorted.flatMap(({ severity, offset, message }) => {
    const key = `${offset} ${message}`;
    if (seen.has(key)) return [];
    seen.add(key);
    return [{ file, ...placeOf(text, offset), severity, message }];
  });
}

/** The value of an object's key, as it counts: the last of that name. */
export function memberOf(node: JsonNode | undefined, key: string): JsonNode | undefined {
  if (node?.kind !== "object") return undefined;
  return node.members.findLast((member) => member.key === key)?.value;
}

/** A text, or undefined for whatever else it is. */
export function textOf(node: JsonNode | undefined): string | undefined {
  return node?.kind === "scalar" && typeof node.value === "string" ? node.value : undefined;
}

const longestValue = 60;

/** A value as it may stand in a message. */
export function shown(node: JsonNode): string {
  const text = JSON.stringify(toValue(node));
  return text.length > longestValue ? `${text.slice(0, longestValue)}...` : text;
}

/** Keys that occur more than once in one object, at any depth. */
export function findDuplicates(node: JsonNode): Finding[] {
  if (node.kind === "list") return node.items.flatMap(findDuplicates);
  if (node.kind === "scalar") return [];
  const seen = new Set<string>();
  return node.members.flatMap(({ key, keyStart, value }) => {
    const message = `"${key}" stands here a second time: only the last one counts`;
    const own: Finding[] = seen.has(key) ? [{ severity: "error", offset: keyStart, message }] : [];
    seen.add(key);
    return [...own, ...findDuplicates(value)];
  });
}
