/** An address with a prefix length, as CNI writes them: `10.1.0.5/24` keeps its host bits. */

import {
  type Address,
  addressBits,
  dottedDecimal,
  type Family,
  formatAddress,
  parseWithWidth,
  sameAddress,
} from "./address.ts";

export interface Prefix {
  readonly address: Address;
  readonly length: number;
}

/**
 * Texts that were read before, and what they say: a configuration's are read by the check of its table, by whoever needs
 * their values, and when they come back in a result.
 */
const known = new Map<string, Prefix>();
const mostKnown = 64;

/**
 * Reads `address/length`. The length of an IPv4-mapped address counts IPv6 bits, as in Go:
 * `::ffff:1.2.3.4/120` is `1.2.3.4/24`.
 */
export function parsePrefix(text: string): Prefix | undefined {
  const before = known.get(text);
  if (before !== undefined) return before;
  const prefix = readPrefix(text);
  if (prefix === undefined) return undefined;
  if (known.size >= mostKnown) known.clear();
  known.set(text, prefix);
  return prefix;
}

function readPrefix(text: string): Prefix | undefined {
  const slash = text.indexOf("/");
  if (slash < 0) return undefined;
  const found = parseWithWidth(text.slice(0, slash));
  if (!found) return undefined;
  const length = parseLength(text, slash + 1, found.bits);
  if (length < 0) return undefined;
  const { address, bits } = found;
  return { address, length: Math.max(0, length - bits + addressBits(address.family)) };
}

export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress(prefix.address)}/${prefix.length}`;
}

const isDottedDecimal = new RegExp(`^${dottedDecimal}/(?:3[0-2]|[12]?\\d)$`);

/** A prefix's text as `formatPrefix` writes it. */
export function canonicalPrefix(text: string): string | undefined {
  if (isDottedDecimal.test(text)) return text;
  const prefix = parsePrefix(text);
  return prefix && formatPrefix(prefix);
}

/** The prefix of one address: /32 or /128. */
export function hostPrefix(address: Address): Prefix {
  return { address, length: addressBits(address.family) };
}

/** The default route's destination. */
export function defaultPrefix(family: Family): Prefix {
  return { address: { family, value: 0n }, length: 0 };
}

/** The same prefix with its host bits cleared. */
export function network(prefix: Prefix): Prefix {
  const { family, value } = prefix.address;
  const host = hostBits(prefix);
  return { address: { family, value: (value >> host) << host }, length: prefix.length };
}

/** The highest address inside, which for IPv4 is the broadcast address. */
export function lastAddress(prefix: Prefix): Address {
  const { family, value } = prefix.address;
  return { family, value: value | ((1n << hostBits(prefix)) - 1n) };
}

export function contains(prefix: Prefix, address: Address): boolean {
  if (prefix.address.family !== address.family) return false;
  const host = hostBits(prefix);
  return prefix.address.value >> host === address.value >> host;
}

/** Whether both have the same address, host bits included, and the same length. */
export function samePrefix(a: Prefix, b: Prefix): boolean {
  return a.length === b.length && sameAddress(a.address, b.address);
}

export function overlaps(a: Prefix, b: Prefix): boolean {
  return a.length <= b.length ? contains(a, b.address) : contains(b, a.address);
}

function hostBits({ address, length }: Prefix): bigint {
  return BigInt(addressBits(address.family) - length);
}

/** Decimal digits only, leading zeros allowed; -1 for anything else or more than `limit`. */
function parseLength(text: string, start: number, limit: number): number {
  if (start === text.length) return -1;
  let length = 0;
  for (let at = start; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return -1;
    length = length * 10 + digit;
    if (length > limit) return -1;
  }
  return length;
}
