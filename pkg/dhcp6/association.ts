/** IA_NA: the addresses of one interface, in messages (RFC 8415, 21.4 and 21.6). */

import { type Address, fromBytes, isGlobalUnicast, toBytes } from "../ip/address.ts";
import { encodeOptions, firstOf, type OptionEntry, readOptions } from "./message.ts";
import { Option, StatusCode } from "./option.ts";

/** An address and for how long, in seconds; `forEver` for no end. */
export interface Assigned {
  readonly address: Address;
  readonly preferred: number;
  readonly valid: number;
}

/** What a server says of one interface's addresses. */
export interface Association {
  /** Seconds until the client is to ask its server, and any server; 0 leaves that to the client. */
  readonly renewal: number;
  readonly rebinding: number;
  readonly addresses: readonly Assigned[];
  /** StatusCode */
  readonly status: number;
}

export const forEver = 0xffff_ffff;

/** The moment, in milliseconds, so many seconds after another; null for never. */
export function secondsAfter(since: number, seconds: number): number | null {
  return seconds >= forEver ? null : since + seconds * 1000;
}

const headLength = 12;
const addressLength = 24;

/** The option's value; lifetimes are the server's to say, so the client sends none. */
export function encodeAssociation(iaid: Uint8Array, addresses: readonly Address[]): Uint8Array {
  const options = addresses.map((address): OptionEntry => {
    const value = new Uint8Array(addressLength);
    value.set(toBytes(address));
    return [Option.iaAddress, value];
  });
  const bytes = new Uint8Array(headLength);
  bytes.set(iaid);
  return Uint8Array.from([...bytes, ...encodeOptions(options)]);
}

/** The association of this iaid among a message's options; undefined where there is none, or none that makes sense. */
export function associationIn(
  options: readonly OptionEntry[],
  iaid: Uint8Array,
): Association | undefined {
  for (const [code, value] of options) {
    if (code !== Option.iaNa || value.length < headLength) continue;
    if (!iaid.every((byte, at) => byte === value[at])) continue;
    return readAssociation(value);
  }
  return undefined;
}

function readAssociation(value: Uint8Array): Association | undefined {
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  const inner = readOptions(value.subarray(headLength));
  if (inner === undefined) return undefined;
  const renewal = view.getUint32(4);
  const rebinding = view.getUint32(8);
  // RFC 8415, 21.4: such times are to be ignored together with all they came with.
  if (renewal > rebinding && rebinding > 0) return undefined;
  return { renewal, rebinding, addresses: addressesIn(inner), status: statusIn(inner) };
}

function addressesIn(options: readonly OptionEntry[]): Assigned[] {
  const found: Assigned[] = [];
  for (const [code, value] of options) {
    if (code !== Option.iaAddress || value.length < addressLength) continue;
    const view = new DataView(value.buffer, value.byteOffset, value.length);
    const [preferred, valid] = [view.getUint32(16), view.getUint32(20)];
    const address = fromBytes(value.subarray(0, 16));
    const inner = readOptions(value.subarray(addressLength));
    // RFC 8415, 21.6: an address that is preferred longer than it is valid is to be ignored.
    if (inner === undefined || preferred > valid || valid === 0) continue;
    if (!isGlobalUnicast(address) || statusIn(inner) !== StatusCode.success) continue;
    found.push({ address, preferred, valid });
  }
  return found;
}

/** The outcome that a list of options tells; none told is success. */
export function statusIn(options: readonly OptionEntry[]): number {
  const value = firstOf(options, Option.statusCode);
  if (value === undefined) return StatusCode.success;
  return value.length < 2 ? StatusCode.unspecFail : ((value[0] ?? 0) << 8) | (value[1] ?? 0);
}
