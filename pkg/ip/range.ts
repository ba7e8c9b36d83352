/** Spans of addresses of one family, both ends included. */

import { type Address, compareAddresses, formatAddress } from "./address.ts";

export interface Range {
  readonly start: Address;
  readonly end: Address;
}

export function contains(range: Range, address: Address): boolean {
  return (
    range.start.family === address.family &&
    compareAddresses(range.start, address) <= 0 &&
    compareAddresses(address, range.end) <= 0
  );
}

export function overlaps(a: Range, b: Range): boolean {
  return contains(a, b.start) || contains(b, a.start);
}

/** How many addresses there are, 0 when the end lies before the start. */
export function size(range: Range): bigint {
  const count = range.end.value - range.start.value + 1n;
  return count > 0n ? count : 0n;
}

/** `10.1.0.2-10.1.0.9`. */
export function formatRange(range: Range): string {
  return `${formatAddress(range.start)}-${formatAddress(range.end)}`;
}
