/** Addresses that are in a range but not to be handed out. */

import { type Address, compareAddresses, parseAddress } from "./address.ts";
import { lastAddress, network, parsePrefix } from "./prefix.ts";
import { overlaps, type Range } from "./range.ts";

/** Reads `10.1.0.5`, `10.1.0.64/26` or `10.1.0.10-10.1.0.20`; undefined for anything else. */
export function parseSpan(text: string): Range | undefined {
  if (text.includes("/")) {
    const prefix = parsePrefix(text);
    return prefix && { start: network(prefix).address, end: lastAddress(prefix) };
  }
  const [first = "", last = first, ...more] = text.split("-");
  const start = parseAddress(first.trim());
  const end = parseAddress(last.trim());
  if (!start || !end || more.length > 0) return undefined;
  return start.family === end.family && start.value <= end.value ? { start, end } : undefined;
}

/** The parts of a range that the spans cover: in order, and none touching another. */
export function holesOf(range: Range, spans: readonly Range[]): Range[] {
  const holes: Range[] = [];
  const inside = spans.filter((span) => overlaps(range, span));
  inside.sort((a, b) => compareAddresses(a.start, b.start));
  for (const span of inside) {
    const start = later(span.start, range.start);
    const end = earlier(span.end, range.end);
    const previous = holes.at(-1);
    if (previous && start.value <= previous.end.value + 1n) {
      holes[holes.length - 1] = { start: previous.start, end: later(previous.end, end) };
    } else {
      holes.push({ start, end });
    }
  }
  return holes;
}

function later(a: Address, b: Address): Address {
  return compareAddresses(a, b) > 0 ? a : b;
}

function earlier(a: Address, b: Address): Address {
  return compareAddresses(a, b) < 0 ? a : b;
}
