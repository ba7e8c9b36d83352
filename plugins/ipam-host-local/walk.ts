/** In which order the addresses of a range set are offered. */

import type { Address } from "../../pkg/ip/address.ts";
import { type AllocationRange, type RangeSet, rangeOf } from "../../pkg/ip/range-set.ts";

/** An address that may be handed out, with the range it comes from. */
export interface Candidate {
  readonly address: Address;
  readonly range: AllocationRange;
}

/**
 * Every address of the set once but those in the holes of its ranges, made one by one. They go round from the one behind
 * `last`, so that a released address rests for as long as possible; `last` itself comes at the end. Where `last`
 * is not in the set (its ranges may have changed), they start at the beginning.
 */
export function* walk(set: RangeSet, last?: Address): Generator<Candidate> {
  for (const { range, from, to } of stretches(set, last)) {
    const { family } = range.start;
    let value = from;
    for (const { start, end } of range.holes) {
      for (; value < start.value && value <= to; value++)
        yield { address: { family, value }, range };
      // A hole is skipped in one step, however large it is.
      if (start.value <= value && value <= end.value) value = end.value + 1n;
    }
    for (; value <= to; value++) yield { address: { family, value }, range };
  }
}

interface Stretch {
  readonly range: AllocationRange;
  readonly from: bigint;
  readonly to: bigint;
}

/** The ranges in the order of the walk; the one with `last` in it is cut in two there. */
function stretches(set: RangeSet, last: Address | undefined): Stretch[] {
  const whole = set.map((range) => ({ range, from: range.start.value, to: range.end.value }));
  const cut = last && rangeOf(set, last);
  if (!last || !cut) return whole;
  const at = set.indexOf(cut);
  return [
    { range: cut, from: last.value + 1n, to: cut.end.value },
    ...whole.slice(at + 1),
    ...whole.slice(0, at),
    { range: cut, from: cut.start.value, to: last.value },
  ];
}
