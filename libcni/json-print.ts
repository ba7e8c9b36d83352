/** JSON as Go prints a map: compact, keys sorted at every level. */

import { goJson } from "../pkg/cni/json.ts";
import { ExactNumber } from "./json-tree.ts";

/** The value's text; members that are undefined are left out. */
export function printSorted(value: unknown): string {
  if (value instanceof ExactNumber) return value.digits;
  if (Array.isArray(value)) return `[${value.map(printSorted).join(",")}]`;
  if (typeof value !== "object" || value === null) return goJson(value);
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => compareBytes(a, b))
    .map(([key, member]) => `${goJson(key)}:${printSorted(member)}`);
  return `{${members.join(",")}}`;
}

/** The order of two texts' UTF-8 bytes, which is that of their code points. */
export function compareBytes(a: string, b: string): number {
  if (a === b) return 0;
  const left = [...a];
  const right = [...b];
  const at = left.findIndex((character, index) => character !== right[index]);
  if (at < 0) return -1;
  return (left[at]?.codePointAt(0) ?? 0) - (right[at]?.codePointAt(0) ?? -1);
}
