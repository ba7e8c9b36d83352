/** IPv6 and ICMPv6 around what hosts and routers of a link tell each other (RFC 8200, 4443, 4861). */

import { type Address, fromBytes, toBytes } from "../ip/address.ts";

/** ICMPv6 types, RFC 4861, 4 */
export const Icmp = {
  routerSolicitation: 133,
  routerAdvertisement: 134,
  neighborSolicitation: 135,
  neighborAdvertisement: 136,
} as const;

/** A message and where it comes from and goes to. */
export interface Packet {
  readonly source: Address;
  readonly destination: Address;
  /** The ICMPv6 message, its type first. */
  readonly message: Uint8Array;
}

const headLength = 40;
const leastMessage = 8;
const nextIcmp = 58;
/** What shows that no router has passed the packet on (RFC 4861, 6.1.2 and 7.1). */
const hopLimit = 255;

/** The packet; the message's checksum is filled in. */
export function encodePacket({ source, destination, message }: Packet): Uint8Array {
  const bytes = new Uint8Array(headLength + message.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 6 << 4);
  view.setUint16(4, message.length);
  view.setUint8(6, nextIcmp);
  view.setUint8(7, hopLimit);
  bytes.set(toBytes(source), 8);
  bytes.set(toBytes(destination), 24);
  bytes.set(message, headLength);
  view.setUint16(headLength + 2, 0);
  view.setUint16(headLength + 2, ~folded(sumOf(bytes)) & 0xffff);
  return bytes;
}

/**
 * Reads a packet; undefined for what is no ICMPv6 from this very link, or was damaged. Where `summed` is false the
 * checksum is for a network card to fill in, and none will.
 */
export function decodePacket(bytes: Uint8Array, summed: boolean): Packet | undefined {
  if (bytes.length < headLength + leastMessage || (bytes[0] ?? 0) >> 4 !== 6) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = view.getUint16(4);
  if (length < leastMessage || length > bytes.length - headLength) return undefined;
  if (view.getUint8(6) !== nextIcmp || view.getUint8(7) !== hopLimit) return undefined;
  const whole = bytes.subarray(0, headLength + length);
  if (summed && folded(sumOf(whole)) !== 0xffff) return undefined;
  return {
    source: fromBytes(whole.subarray(8, 24)),
    destination: fromBytes(whole.subarray(24, 40)),
    message: whole.subarray(headLength),
  };
}

/** With the pseudo header: both addresses, length, next header (RFC 8200, 8.1). */
function sumOf(bytes: Uint8Array): number {
  let total = bytes.length - headLength + nextIcmp;
  for (let at = 8; at < bytes.length; at += 2) {
    total += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  }
  return total;
}

function folded(total: number): number {
  let sum = total;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}
