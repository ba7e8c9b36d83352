/** Whether somebody on the link has an address (RFC 4862, 5.4). */

import { type Address, fromBytes, isUnspecified, sameAddress, toBytes } from "../ip/address.ts";
import { encodePacket, Icmp, type Packet } from "./packet.ts";

const length = 24;
const targetAt = 8;
const unspecified: Address = { family: 6, value: 0n };
/** ff02::1:ff00:0, to whose end the last three bytes of an address are put (RFC 4291, 2.7.1). */
const solicitedNode = 0xff02_0000_0000_0000_0000_0001_ff00_0000n;
const lowBits = 0xff_ffffn;

/** A question without a sender's address, which changes nobody's table, and the hardware address it goes to. */
export function encodeProbe(target: Address): { bytes: Uint8Array; to: Uint8Array } {
  const message = new Uint8Array(length);
  message[0] = Icmp.neighborSolicitation;
  message.set(toBytes(target), targetAt);
  const group = solicitedNode | (target.value & lowBits);
  const destination: Address = { family: 6, value: group };
  const bytes = encodePacket({ source: unspecified, destination, message });
  // RFC 2464, 7
  return { bytes, to: Uint8Array.of(0x33, 0x33, ...toBytes(destination).subarray(12)) };
}

/** Whether a packet shows that somebody else has, or is about to take, the address. */
export function showsConflict({ source, message }: Packet, target: Address): boolean {
  if (message.length < length) return false;
  if (!sameAddress(fromBytes(message.subarray(targetAt, targetAt + 16)), target)) return false;
  if (message[0] === Icmp.neighborAdvertisement) return true;
  return message[0] === Icmp.neighborSolicitation && isUnspecified(source);
}
