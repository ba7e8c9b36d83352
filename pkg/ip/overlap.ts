/** Which of many ranges share an address, without comparing each with each: a configuration may have ten thousand. */

import { compareAddresses } from "./address.ts";
import { overlaps, type Range } from "./range.ts";

/**
 * The first two groups, in the reference's order of looking, that overlap: the first group that overlaps with any
 * later one, and the first such later one. Ranges of one group are not compared.
 */
export function findOverlap(groups: readonly (readonly Range[])[]): [number, number] | undefined {
  if (groups.length < 2) return undefined;
  const suspects = overlappingGroups(groups);
  if (suspects.length === 0) return undefined;
  for (const first of suspects) {
    const second = suspects.find(
      (later) => later > first && groupsOverlap(groups[first] ?? [], groups[later] ?? []),
    );
    if (second !== undefined) return [first, second];
  }
  return undefined;
}

/** The groups that overlap with some other, in order. */
function overlappingGroups(groups: readonly (readonly Range[])[]): number[] {
  const ranges = groups.flatMap((group, at) => group.map((range) => ({ range, at })));
  ranges.sort((a, b) => compareAddresses(a.range.start, b.range.start));
  const found = new Set<number>();
  // In the order of their starts, a range overlaps with an earlier one exactly if the one that reaches furthest
  // does; `furthest` is that one, and `other` the one that reaches furthest of all other groups.
  let furthest: (typeof ranges)[number] | undefined;
  let other: (typeof ranges)[number] | undefined;
  for (const next of ranges) {
    const earlier = furthest?.at === next.at ? other : furthest;
    if (earlier && overlaps(earlier.range, next.range)) found.add(earlier.at).add(next.at);
    if (!furthest || reachesFurther(next.range, furthest.range)) {
      if (furthest && furthest.at !== next.at) other = furthest;
      furthest = next;
    } else if (next.at !== furthest.at && (!other || reachesFurther(next.range, other.range))) {
      other = next;
    }
  }
  return [...found].sort((a, b) => a - b);
}

function reachesFurther(a: Range, b: Range): boolean {
  return compareAddresses(a.end, b.end) > 0;
}

function groupsOverlap(a: readonly Range[], b: readonly Range[]): boolean {
  return a.some((range) => b.some((other) => overlaps(range, other)));
}
