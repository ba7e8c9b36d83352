/** What a router tells the hosts of its link (RFC 4861, 4.2; RFC 4191; RFC 8106). Every length is bounded. */

import { readNames } from "../dhcp/value.ts";
import {
  type Address,
  formatAddress,
  fromBytes,
  isGlobalUnicast,
  isLinkLocal,
} from "../ip/address.ts";
import { formatPrefix, network, type Prefix } from "../ip/prefix.ts";
import { readServers } from "./lease.ts";
import { encodePacket, Icmp, type Packet } from "./packet.ts";

/** A prefix of the link; lifetimes are seconds, `forEver` for no end. */
export interface LinkPrefix {
  readonly prefix: string;
  readonly onLink: boolean;
  /** Whether hosts make themselves addresses in it. */
  readonly autonomous: boolean;
  readonly valid: number;
  readonly preferred: number;
}

/** A route through the router. */
export interface MoreSpecific {
  readonly prefix: string;
  readonly preference: number;
  readonly lifetime: number;
}

/** One router's advertisement. */
export interface Advertisement {
  readonly router: string;
  /** Seconds for which it is a default router; 0 for none. */
  readonly lifetime: number;
  /** -1, 0 or 1. */
  readonly preference: number;
  /** Whether DHCPv6 has addresses, and whether it has settings. */
  readonly managed: boolean;
  readonly other: boolean;
  readonly prefixes: readonly LinkPrefix[];
  readonly routes: readonly MoreSpecific[];
  readonly dns: readonly { readonly server: string; readonly lifetime: number }[];
  readonly search: readonly { readonly name: string; readonly lifetime: number }[];
  readonly mtu: number | undefined;
}

const headLength = 16;
/** ND_OPT_*, netinet/icmp6.h */
const OptionType = { prefix: 3, mtu: 5, route: 24, dns: 25, search: 31 } as const;
const Flag = { managed: 0x80, other: 0x40, onLink: 0x80, autonomous: 0x40 } as const;
/** The least MTU of a link that carries IPv6, RFC 8200, 5 */
const leastMtu = 1280;

const allRouters: Address = { family: 6, value: 0xff02_0000_0000_0000_0000_0000_0000_0002n };
const unspecified: Address = { family: 6, value: 0n };

/** Asks routers to tell; from no address in particular, as a host without one may. */
export function encodeSolicitation(): { bytes: Uint8Array; to: Uint8Array } {
  const message = new Uint8Array(8);
  message[0] = Icmp.routerSolicitation;
  const bytes = encodePacket({ source: unspecified, destination: allRouters, message });
  return { bytes, to: Uint8Array.of(0x33, 0x33, 0, 0, 0, 2) };
}

/** Reads an advertisement; undefined for what is none (RFC 4861, 6.1.2). */
export function decodeAdvertisement({ source, message }: Packet): Advertisement | undefined {
  if (message.length < headLength || message[0] !== Icmp.routerAdvertisement || message[1] !== 0) {
    return undefined;
  }
  if (!isLinkLocal(source)) return undefined;
  const options = optionsIn(message.subarray(headLength));
  if (options === undefined) return undefined;
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  const flags = view.getUint8(5);
  const of = <T>(type: number, read: (value: DataView) => T[]): T[] =>
    options.filter((option) => option.getUint8(0) === type).flatMap(read);
  return {
    router: formatAddress(source),
    lifetime: view.getUint16(6),
    preference: preferenceIn(flags),
    managed: (flags & Flag.managed) !== 0,
    other: (flags & Flag.other) !== 0,
    prefixes: of(OptionType.prefix, readPrefix),
    routes: of(OptionType.route, readRoute),
    dns: of(OptionType.dns, readDns),
    search: of(OptionType.search, readSearch),
    mtu: of(OptionType.mtu, readMtu)[0],
  };
}

/** Options count their length in eights, and none is empty; undefined when one reaches past the end. */
function optionsIn(bytes: Uint8Array): DataView[] | undefined {
  const found: DataView[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = (bytes[at + 1] ?? 0) * 8;
    if (length === 0 || length > bytes.length - at) return undefined;
    found.push(new DataView(bytes.buffer, bytes.byteOffset + at, length));
    at += length;
  }
  return found;
}

/** RFC 4191, 2.1: two bits; the reserved value counts as medium. */
function preferenceIn(flags: number): number {
  const bits = (flags >> 3) & 3;
  return bits === 1 ? 1 : bits === 3 ? -1 : 0;
}

function bytesOf(option: DataView, from: number, to: number = option.byteLength): Uint8Array {
  return new Uint8Array(option.buffer, option.byteOffset + from, to - from);
}

function readPrefix(option: DataView): LinkPrefix[] {
  if (option.byteLength !== 32) return [];
  const prefix = prefixOf(bytesOf(option, 16), option.getUint8(2));
  const flags = option.getUint8(3);
  const [valid, preferred] = [option.getUint32(4), option.getUint32(8)];
  if (prefix === undefined || preferred > valid) return [];
  return [
    {
      prefix,
      onLink: (flags & Flag.onLink) !== 0,
      autonomous: (flags & Flag.autonomous) !== 0,
      valid,
      preferred,
    },
  ];
}

/** A network that hosts may be in; undefined for any other. */
function prefixOf(bytes: Uint8Array, length: number): string | undefined {
  if (length > 128) return undefined;
  const prefix: Prefix = network({ address: fromBytes(bytes), length });
  return isGlobalUnicast(prefix.address) ? formatPrefix(prefix) : undefined;
}

function readRoute(option: DataView): MoreSpecific[] {
  const length = option.getUint8(2);
  const room = option.byteLength - 8;
  if (length > 128 || room > 16 || length > room * 8) return [];
  const bytes = new Uint8Array(16);
  bytes.set(bytesOf(option, 8));
  const address = fromBytes(bytes);
  const prefix = length === 0 ? "::/0" : prefixOf(bytes, length);
  if (prefix === undefined || (length === 0 && address.value !== 0n)) return [];
  const preference = preferenceIn(option.getUint8(3));
  return [{ prefix, preference, lifetime: option.getUint32(4) }];
}

function readDns(option: DataView): Advertisement["dns"][number][] {
  if (option.byteLength < 24) return [];
  const lifetime = option.getUint32(4);
  return readServers(bytesOf(option, 8)).map((server) => ({ server, lifetime }));
}

function readSearch(option: DataView): Advertisement["search"][number][] {
  if (option.byteLength < 16) return [];
  const lifetime = option.getUint32(4);
  return readNames(unpadded(bytesOf(option, 8))).map((name) => ({ name, lifetime }));
}

/** Names end with a zero of their own; those that follow the last one's fill up the eight. */
function unpadded(names: Uint8Array): Uint8Array {
  let end = names.length;
  while (end > 1 && names[end - 1] === 0 && names[end - 2] === 0) end--;
  return names.subarray(0, end);
}

function readMtu(option: DataView): number[] {
  if (option.byteLength !== 8) return [];
  const mtu = option.getUint32(4);
  return mtu >= leastMtu ? [mtu] : [];
}
