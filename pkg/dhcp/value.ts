/** What options hold: addresses, numbers, texts, names, routes. A value of the wrong shape reads as undefined. */

import { type Address, formatAddress } from "../ip/address.ts";

/** An IPv4 address as pkg/ip has it. */
export function toIp(value: number): Address {
  return { family: 4, value: BigInt(value) };
}

/** An IPv4 address in dotted decimal. */
export function dotted(value: number): string {
  return formatAddress(toIp(value));
}

/** The number in four bytes from `at`. */
function u32At(bytes: Uint8Array, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = bytes.subarray(at, at + 4);
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

/** Four bytes, as addresses and times are sent. */
export function u32Bytes(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** A 32-bit number: exactly four bytes. */
export function readU32(value: Uint8Array | undefined): number | undefined {
  return value?.length === 4 ? u32At(value, 0) : undefined;
}

/** A 16-bit number: exactly two bytes. */
export function readU16(value: Uint8Array | undefined): number | undefined {
  if (value?.length !== 2) return undefined;
  return ((value[0] ?? 0) << 8) | (value[1] ?? 0);
}

/** The usable addresses in a list of four bytes each; empty for a list of another length. */
export function readAddresses(value: Uint8Array | undefined): number[] {
  if (value === undefined || value.length % 4 !== 0) return [];
  const found: number[] = [];
  for (let at = 0; at < value.length; at += 4) {
    const address = u32At(value, at);
    if (isHost(address)) found.push(address);
  }
  return found;
}

/** Whether an address may be one host's: none of 0/8, 127/8, multicast, and what lies above. */
export function isHost(address: number): boolean {
  const first = address >>> 24;
  return first !== 0 && first !== 127 && first < 224;
}

/** The length of a mask of consecutive ones; undefined for any other, and for none at all. */
export function maskLength(mask: number): number | undefined {
  const zeros = ~mask >>> 0;
  if (mask === 0 || (zeros & (zeros + 1)) !== 0) return undefined;
  return Math.clz32(zeros);
}

/** One route of a lease; gateway 0 for a destination on the link itself. */
export interface LeaseRoute {
  readonly destination: number;
  readonly length: number;
  readonly gateway: number;
}

/** Option 121 (RFC 3442): undefined unless every descriptor in it is whole and sensible. */
export function readClasslessRoutes(value: Uint8Array | undefined): LeaseRoute[] | undefined {
  if (value === undefined || value.length === 0) return undefined;
  const routes: LeaseRoute[] = [];
  for (let at = 0; at < value.length; ) {
    const length = value[at++] ?? 0;
    const significant = Math.ceil(length / 8);
    if (length > 32 || at + significant + 4 > value.length) return undefined;
    const bytes = new Uint8Array(4);
    bytes.set(value.subarray(at, at + significant));
    const gateway = u32At(value, at + significant);
    if (gateway !== 0 && !isHost(gateway)) return undefined;
    routes.push({ destination: masked(u32At(bytes, 0), length), length, gateway });
    at += significant + 4;
  }
  return routes;
}

/** Option 33 (RFC 2132, 5.8): pairs of a destination, with the mask of its class, and a router. */
export function readStaticRoutes(value: Uint8Array | undefined): LeaseRoute[] {
  if (value === undefined || value.length % 8 !== 0) return [];
  const routes: LeaseRoute[] = [];
  for (let at = 0; at < value.length; at += 8) {
    const destination = u32At(value, at);
    const gateway = u32At(value, at + 4);
    // A default route here is illegal.
    if (!isHost(destination) || !isHost(gateway)) continue;
    const length = destination < 0x8000_0000 ? 8 : destination < 0xc000_0000 ? 16 : 24;
    routes.push({ destination: masked(destination, length), length, gateway });
  }
  return routes;
}

function masked(address: number, length: number): number {
  return length === 0 ? 0 : (address & (0xffff_ffff << (32 - length))) >>> 0;
}

const label = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i;

/** A domain name in text, without its last dot. It ends up in files: nothing but letters, digits, hyphens passes. */
export function checkedName(text: string): string | undefined {
  const name = text.replace(/\.$/, "");
  if (name.length === 0 || name.length > 253) return undefined;
  return name.split(".").every((part) => label.test(part)) ? name : undefined;
}

/** Characters of a text as sent; what is no printable ASCII becomes `?`. Servers like to end it with a NUL. */
export function readText(value: Uint8Array | undefined): string {
  let text = "";
  for (const byte of value ?? []) {
    if (byte === 0) break;
    text += byte >= 32 && byte < 127 ? String.fromCharCode(byte) : "?";
  }
  return text;
}

/** Option 15: one name; some servers put several there, separated by blanks, of which the first counts. */
export function readDomain(value: Uint8Array | undefined): string | undefined {
  return checkedName(readText(value).trim().split(/\s+/)[0] ?? "");
}

const mostNames = 64;

/** Option 119 (RFC 3397): names in DNS's form, compressed within the option. Empty where any is ill-formed. */
export function readNames(value: Uint8Array | undefined): string[] {
  const names: string[] = [];
  for (let at = 0; value !== undefined && at < value.length; ) {
    const found = readName(value, at);
    const name = found === undefined ? undefined : checkedName(found.name);
    if (found === undefined || name === undefined || names.length === mostNames) return [];
    names.push(name);
    at = found.next;
  }
  return names;
}

/** Pointers lead backwards only, each further than the one before, so the walk ends. */
function readName(bytes: Uint8Array, start: number): { name: string; next: number } | undefined {
  const labels: string[] = [];
  let next = -1;
  let limit = start;
  let size = 0;
  for (let at = start; at < bytes.length; ) {
    const length = bytes[at++] ?? 0;
    if (length === 0) return { name: labels.join("."), next: next < 0 ? at : next };
    if (length >= 0xc0) {
      if (at >= bytes.length) return undefined;
      const target = ((length & 0x3f) << 8) | (bytes[at++] ?? 0);
      if (next < 0) next = at;
      if (target >= limit) return undefined;
      limit = target;
      at = target;
      continue;
    }
    size += length + 1;
    if (length > 63 || at + length > bytes.length || size > 254) return undefined;
    labels.push(readText(bytes.subarray(at, at + length)));
    at += length;
  }
  return undefined;
}
