/** Whether a rule that was read says what one that was written said. */

import { sameBytes } from "../sys/bytes.ts";
import type { Expression, ReadExpression } from "./expression.ts";

/**
 * Compares what was written: the kernel may tell more about an expression than it was told. The name and id of a
 * set are not compared, since the kernel numbers those that belong to one rule.
 */
export function sameExpressions(
  written: readonly Expression[],
  read: readonly ReadExpression[],
): boolean {
  if (written.length !== read.length) return false;
  return written.every(({ name, data }, index) => {
    const other = read[index];
    return other?.name === name && includes(other.data, data, name === "lookup");
  });
}

/** Whether a chain holds these rules and no others, in this order. */
export function sameRules(
  written: readonly (readonly Expression[])[],
  read: readonly { readonly expressions: readonly ReadExpression[] }[],
): boolean {
  if (written.length !== read.length) return false;
  return written.every((rule, index) => sameExpressions(rule, read[index]?.expressions ?? []));
}

type Fields = Readonly<Record<string, unknown>>;

function includes(actual: unknown, wanted: unknown, isLookup = false): boolean {
  if (wanted instanceof Uint8Array) {
    return actual instanceof Uint8Array && sameBytes(actual, wanted);
  }
  if (typeof wanted !== "object" || wanted === null) return actual === wanted;
  if (typeof actual !== "object" || actual === null) return false;
  return Object.entries(wanted).every(([key, value]) => {
    if (value === undefined || (isLookup && (key === "set" || key === "setId"))) return true;
    return includes((actual as Fields)[key], value);
  });
}
