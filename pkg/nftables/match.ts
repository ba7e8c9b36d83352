/** Conditions of rules as `nft` compiles them, so that it prints them back as a person would write them. */

import { type Family, toBytes } from "../ip/address.ts";
import { network, type Prefix } from "../ip/prefix.ts";
import { FilterFamily } from "../netlink/nfnetlink.ts";
import { encode } from "../sys/text.ts";
import { maskRegister } from "./expression/bitwise.ts";
import { Comparison, compare } from "./expression/cmp.ts";
import { loadConnection } from "./expression/ct.ts";
import { FibFlag, loadRouteType } from "./expression/fib.ts";
import { loadMeta, MetaKey } from "./expression/meta.ts";
import { loadPayload, type PacketField, PayloadBase } from "./expression/payload.ts";
import type { Expression } from "./expression.ts";
import { Register } from "./expression.ts";

/** IPPROTO_*, linux/in.h */
export const IpProtocol = { tcp: 6, udp: 17, sctp: 132 } as const;

/** Where an IP header has its addresses. */
const addressOffset = {
  4: { source: 12, destination: 16 },
  6: { source: 8, destination: 24 },
} as const;

/** RTN_LOCAL, linux/rtnetlink.h */
const LOCAL = 2;
/** The first link of every namespace is `lo`: LOOPBACK_IFINDEX, linux net/net_namespace.h */
const LOOPBACK = 1;
/** IFNAMSIZ, linux/if.h */
const NAME_LENGTH = 16;

const register = Register.first;

/** One of the two ends of a packet. */
export type Side = "source" | "destination";

/** The field of an address: whole, or its first bytes. */
export function addressField(family: Family, side: Side, length?: number): PacketField {
  const whole = family === 4 ? 4 : 16;
  const offset = addressOffset[family][side];
  return { base: PayloadBase.network, offset, length: length ?? whole };
}

/** The field of a port: the same in TCP, UDP and SCTP. */
export function portField(side: Side): PacketField {
  return { base: PayloadBase.transport, offset: side === "source" ? 0 : 2, length: 2 };
}

/** `meta nfproto ipv4`: needed before a match on an address in a table of family inet. */
export function matchFamily(family: Family): Expression[] {
  const wanted = family === 4 ? FilterFamily.ipv4 : FilterFamily.ipv6;
  return [loadMeta(MetaKey.family, register), equal(Uint8Array.of(wanted))];
}

/** `ip saddr 10.1.0.0/16`, or with `not` `!=`. */
export function matchAddress(side: Side, prefix: Prefix, not = false): Expression[] {
  const { address, length } = network(prefix);
  const bytes = toBytes(address);
  if (length % 8 === 0 && length > 0) {
    const count = length / 8;
    const field = addressField(address.family, side, count);
    return [loadPayload(field, register), compareTo(bytes.slice(0, count), not)];
  }
  const field = addressField(address.family, side);
  return [
    loadPayload(field, register),
    maskRegister(register, maskOf(bytes.length, length)),
    compareTo(bytes, not),
  ];
}

function maskOf(bytes: number, length: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, at) => {
    const bits = Math.min(8, Math.max(0, length - 8 * at));
    return (0xff << (8 - bits)) & 0xff;
  });
}

/** `meta l4proto tcp` */
export function matchProtocol(protocol: number, not = false): Expression[] {
  return [loadMeta(MetaKey.protocol, register), compareTo(Uint8Array.of(protocol), not)];
}

/** `th dport 80`: after a match on the protocol. */
export function matchPort(side: Side, port: number, not = false): Expression[] {
  return [loadPayload(portField(side), register), compareTo(portBytes(port), not)];
}

/** A port as packets have it. */
export function portBytes(port: number): Uint8Array {
  return Uint8Array.of(port >> 8, port & 0xff);
}

/** `ct status dnat`, `ct state established,related`: any of the bits. */
export function matchConnection(key: number, bits: number): Expression[] {
  return [
    loadConnection(key, register),
    maskRegister(register, hostBytes(bits)),
    compare(register, Comparison.notEqual, hostBytes(0)),
  ];
}

/** `fib daddr type local`: the packet is for this host. */
export function matchLocal(): Expression[] {
  return [loadRouteType(FibFlag.destination, register), equal(hostBytes(LOCAL))];
}

/** `iif "lo"`, or with `not` `!=`. */
export function matchLoopback(not = false): Expression[] {
  return [loadMeta(MetaKey.inLink, register), compareTo(hostBytes(LOOPBACK), not)];
}

/** `iifname "eth0"`; a name that ends with `*` stands for all that begin so. */
export function matchLinkName(direction: "in" | "out", name: string, not = false): Expression[] {
  const key = direction === "in" ? MetaKey.inLinkName : MetaKey.outLinkName;
  return [loadMeta(key, register), compareTo(nameBytes(name), not)];
}

function nameBytes(name: string): Uint8Array {
  if (name.endsWith("*")) return encode(name.slice(0, -1));
  const bytes = new Uint8Array(NAME_LENGTH);
  bytes.set(encode(name).subarray(0, NAME_LENGTH - 1));
  return bytes;
}

/** `ether saddr 02:00:00:00:00:01`: in a table of family bridge. */
export function matchEther(side: Side, mac: Uint8Array, not = false): Expression[] {
  const offset = side === "destination" ? 0 : 6;
  const field = { base: PayloadBase.link, offset, length: 6 };
  return [loadPayload(field, register), compareTo(mac, not)];
}

function equal(value: Uint8Array): Expression {
  return compareTo(value, false);
}

function compareTo(value: Uint8Array, not: boolean): Expression {
  return compare(register, not ? Comparison.notEqual : Comparison.equal, value);
}

/** A number of 32 bits in the host's byte order, as the kernel keeps what is no part of a packet. */
export function hostBytes(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}
