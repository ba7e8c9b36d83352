/** IP addresses as values, in the text forms Go's net package reads and writes. */

import { hexDigit } from "./hex.ts";

export type Family = 4 | 6;

/** Both. */
export const families: readonly Family[] = [4, 6];

export interface Address {
  readonly family: Family;
  readonly value: bigint;
}

const DOT = 46;
const COLON = 58;

/** 32 or 128. */
export function addressBits(family: Family): 32 | 128 {
  return family === 4 ? 32 : 128;
}

/** Texts that were read before: one gateway is asked for in four places. */
const known = new Map<string, Address>();
const mostKnown = 64;

/** Reads an address strictly: no leading zeros, no zone; `::ffff:1.2.3.4` is the IPv4 address. */
export function parseAddress(text: string): Address | undefined {
  const before = known.get(text);
  if (before !== undefined) return before;
  const address = parseWithWidth(text)?.address;
  if (address === undefined) return undefined;
  if (known.size >= mostKnown) known.clear();
  known.set(text, address);
  return address;
}

/** As parseAddress, and how many bits the text itself had (128 for `::ffff:1.2.3.4`), which a prefix length counts in. */
export function parseWithWidth(text: string): { address: Address; bits: number } | undefined {
  if (text.indexOf(":") < 0) {
    const value = parseV4(text, 0);
    return value < 0 ? undefined : { address: { family: 4, value: BigInt(value) }, bits: 32 };
  }
  const words = parseV6(text);
  if (!words) return undefined;
  const [a, b, c, d] = words;
  const address: Address =
    a === 0 && b === 0 && c === 0xffff
      ? { family: 4, value: BigInt(d) }
      : { family: 6, value: join(words) };
  return { address, bits: 128 };
}

/** The canonical text: dotted decimal, or RFC 5952. */
export function formatAddress(address: Address): string {
  return address.family === 4 ? formatV4(Number(address.value)) : formatV6(split(address.value));
}

const octet = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
/** The text of an IPv4 address, of which no other form is read. */
export const dottedDecimal = `${octet}\\.${octet}\\.${octet}\\.${octet}`;
const isDottedDecimal = new RegExp(`^${dottedDecimal}$`);

/** An address's text as `formatAddress` writes it. */
export function canonicalAddress(text: string): string | undefined {
  // A pattern tells it at a fifth of what the address costs, which many of these texts are never asked for.
  if (isDottedDecimal.test(text)) return text;
  const address = parseAddress(text);
  if (address === undefined) return undefined;
  return formatAddress(address);
}

/** The 4 or 16 bytes in network order. */
export function toBytes(address: Address): Uint8Array {
  const words = address.family === 4 ? [Number(address.value)] : split(address.value);
  const bytes = new Uint8Array(words.length * 4);
  let at = 0;
  for (const word of words) {
    bytes[at++] = word >>> 24;
    bytes[at++] = word >>> 16;
    bytes[at++] = word >>> 8;
    bytes[at++] = word;
  }
  return bytes;
}

/** The address in 4 or 16 bytes; 16 stay IPv6, mapped or not. */
export function fromBytes(bytes: Uint8Array): Address {
  if (bytes.length === 4) return { family: 4, value: BigInt(wordAt(bytes, 0)) };
  if (bytes.length !== 16) {
    throw new RangeError(`cannot read an address from ${bytes.length} bytes: expected 4 or 16`);
  }
  const words: Words = [wordAt(bytes, 0), wordAt(bytes, 4), wordAt(bytes, 8), wordAt(bytes, 12)];
  return { family: 6, value: join(words) };
}

/** Negative, zero or positive; IPv4 sorts before IPv6. */
export function compareAddresses(a: Address, b: Address): number {
  if (a.family !== b.family) return a.family - b.family;
  return a.value < b.value ? -1 : a.value > b.value ? 1 : 0;
}

export function sameAddress(a: Address, b: Address): boolean {
  return a.family === b.family && a.value === b.value;
}

/** The address `n` further on (or back), undefined past either end of the family's space. */
export function offset(address: Address, n: bigint): Address | undefined {
  const value = address.value + n;
  if (value < 0n || value >> BigInt(addressBits(address.family)) !== 0n) return undefined;
  return { family: address.family, value };
}

/** 127.0.0.0/8, ::1. */
export function isLoopback({ family, value }: Address): boolean {
  return family === 4 ? value >> 24n === 127n : value === 1n;
}

/** 224.0.0.0/4, ff00::/8. */
export function isMulticast({ family, value }: Address): boolean {
  return family === 4 ? value >> 28n === 14n : value >> 120n === 255n;
}

/** 169.254.0.0/16, fe80::/10. */
export function isLinkLocal({ family, value }: Address): boolean {
  return family === 4 ? value >> 16n === 0xa9fen : value >> 118n === 0x3fan;
}

/** 0.0.0.0, ::. */
export function isUnspecified({ value }: Address): boolean {
  return value === 0n;
}

/** Any address that is none of the above nor 255.255.255.255; private ones count, as in Go. */
export function isGlobalUnicast(address: Address): boolean {
  if (address.family === 4 && address.value === 0xffffffffn) return false;
  return !(
    isUnspecified(address) ||
    isLoopback(address) ||
    isMulticast(address) ||
    isLinkLocal(address)
  );
}

/** An IPv6 address as four 32-bit numbers, highest first: bigint arithmetic only at the edges. */
type Words = [number, number, number, number];

function join([a, b, c, d]: Words): bigint {
  return (BigInt(a) << 96n) | (BigInt(b) << 64n) | (BigInt(c) << 32n) | BigInt(d);
}

function split(value: bigint): Words {
  return [
    Number(value >> 96n),
    Number((value >> 64n) & 0xffffffffn),
    Number((value >> 32n) & 0xffffffffn),
    Number(value & 0xffffffffn),
  ];
}

function wordAt(bytes: Uint8Array, at: number): number {
  const low = ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
  return (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | low) >>> 0;
}

/** The number of a dotted decimal text from `start` to its end, -1 when it is none. */
function parseV4(text: string, start: number): number {
  let value = 0;
  let part = -1; // -1: no digit of this part yet
  let parts = 1;
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === DOT) {
      if (part < 0 || parts === 4) return -1;
      value = value * 256 + part;
      part = -1;
      parts++;
      continue;
    }
    const digit = code - 48;
    if (digit < 0 || digit > 9 || part === 0) return -1;
    part = part < 0 ? digit : part * 10 + digit;
    if (part > 255) return -1;
  }
  return part < 0 || parts !== 4 ? -1 : value * 256 + part;
}

function parseV6(text: string): Words | undefined {
  const groups: number[] = [];
  let gap = -1; // the group before which `::` stands
  let at = 0;
  if (text.startsWith("::")) {
    gap = 0;
    at = 2;
  }
  while (at < text.length) {
    if (groups.length === 8) return undefined;
    const start = at;
    let group = 0;
    let digit = hexDigit(text.charCodeAt(at));
    while (digit >= 0) {
      group = group * 16 + digit;
      digit = hexDigit(text.charCodeAt(++at)); // NaN past the end is no digit
    }
    if (at === start || at - start > 4) return undefined;
    if (text.charCodeAt(at) === DOT) {
      const tail = parseV4(text, start);
      if (tail < 0) return undefined;
      groups.push(tail >>> 16, tail & 0xffff);
      break;
    }
    groups.push(group);
    if (at === text.length) break;
    if (text.charCodeAt(at++) !== COLON || at === text.length) return undefined;
    if (text.charCodeAt(at) === COLON) {
      if (gap >= 0) return undefined;
      gap = groups.length;
      at++;
    }
  }
  return fillGap(groups, gap);
}

function fillGap(groups: number[], gap: number): Words | undefined {
  const missing = 8 - groups.length;
  if (gap < 0 ? missing !== 0 : missing < 1) return undefined;
  if (gap >= 0) groups.splice(gap, 0, ...new Array<number>(missing).fill(0));
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = groups;
  return [a * 65536 + b, c * 65536 + d, e * 65536 + f, g * 65536 + h];
}

function formatV4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

function formatV6([a, b, c, d]: Words): string {
  if (a === 0 && b === 0 && c === 0xffff) return `::ffff:${formatV4(d)}`;
  const groups = [
    a >>> 16,
    a & 0xffff,
    b >>> 16,
    b & 0xffff,
    c >>> 16,
    c & 0xffff,
    d >>> 16,
    d & 0xffff,
  ];
  const [start, length] = longestZeros(groups);
  let text = "";
  for (let i = 0; i < 8; i++) {
    if (i === start) {
      text += "::";
      i += length - 1;
      continue;
    }
    if (i > 0 && i !== start + length) text += ":";
    text += (groups[i] ?? 0).toString(16);
  }
  return text;
}

/** The first longest run of at least two zero groups. */
function longestZeros(groups: readonly number[]): [start: number, length: number] {
  let best = -1;
  let bestLength = 1;
  let length = 0;
  for (let i = 0; i < groups.length; i++) {
    length = groups[i] === 0 ? length + 1 : 0;
    if (length > bestLength) {
      bestLength = length;
      best = i - length + 1;
    }
  }
  return best < 0 ? [-1, 0] : [best, bestLength];
}
