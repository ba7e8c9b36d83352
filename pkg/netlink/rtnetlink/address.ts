/** The IP addresses of links. */

import type { Family } from "../../ip/address.ts";
import { type Address, sameAddress } from "../../ip/address.ts";
import { formatPrefix, lastAddress, type Prefix } from "../../ip/prefix.ts";
import { ipAddress } from "../address-codec.ts";
import { attributes, put, string, u8, u32 } from "../codec.ts";
import { Located } from "../located.ts";
import { MessageFlag, type Request } from "../message.ts";
import { struct } from "../struct.ts";
import { type Reader, WireError, type Writer } from "../wire.ts";
import { familyNumber } from "./family.ts";

/** RTM_*ADDR, linux/rtnetlink.h */
const Type = { new: 20, delete: 21, get: 22 } as const;

/** struct ifaddrmsg, linux/if_addr.h */
const addressHeader = struct({ family: u8, length: u8, flags: u8, scope: u8, index: u32 });

/** IFA_*, linux/if_addr.h; times in seconds, 0xffffffff for ever */
const addressAttributes = attributes({
  address: [1, ipAddress],
  local: [2, ipAddress],
  label: [3, string],
  broadcast: [4, ipAddress],
  cacheInfo: [6, struct({ preferred: u32, valid: u32, created: u32, updated: u32 })],
  flags: [8, u32],
  priority: [9, u32],
  protocol: [11, u8],
});

/** IFA_F_*, linux/if_addr.h */
export const AddressFlag = {
  secondary: 0x01,
  noDad: 0x02,
  optimistic: 0x04,
  dadFailed: 0x08,
  deprecated: 0x20,
  tentative: 0x40,
  permanent: 0x80,
  manageTemporary: 0x100,
  noPrefixRoute: 0x200,
} as const;

/** The lifetime of an address without an end. */
export const FOREVER = 0xffffffff;
/** IPv4 networks this long have no broadcast address. */
const NO_BROADCAST = 31;

/** An address of a link. */
export interface InterfaceAddress {
  readonly index: number;
  /** With its host bits: `10.1.0.5/24`. */
  readonly prefix: Prefix;
  /** The other end, on a link that has just one. */
  readonly peer?: Address;
  readonly broadcast?: Address;
  readonly label?: string;
  /** See RouteScope in route.ts. */
  readonly scope: number;
  /** See AddressFlag. */
  readonly flags: number;
  /** Duplicate address detection is not through with it. */
  readonly tentative: boolean;
  /** Somebody else has it. */
  readonly dadFailed: boolean;
  readonly priority?: number;
  /** Who added it, IFAPROT_*. */
  readonly protocol?: number;
  /** Seconds that are left. */
  readonly preferredLifetime: number;
  readonly validLifetime: number;
}

/** An address to be. */
export interface AddressSettings {
  readonly index: number;
  readonly prefix: Prefix;
  readonly peer?: Address;
  /** IPv4: the last address of the prefix unless said otherwise; null for none. */
  readonly broadcast?: Address | null;
  readonly label?: string;
  readonly scope?: number;
  /** IPv6: without duplicate address detection. */
  readonly noDad?: boolean;
  /** Without the route to its network. */
  readonly noPrefixRoute?: boolean;
  /** The metric of that route. */
  readonly priority?: number;
  readonly protocol?: number;
  readonly preferredLifetime?: number;
  readonly validLifetime?: number;
}

/** Adds an address; fails with EEXIST where the link has it. `link` is for the message. */
export function newAddress(settings: AddressSettings, link?: string): Request {
  return {
    purpose: `add address ${label(settings, link)}`,
    type: Type.new,
    flags: MessageFlag.create | MessageFlag.exclusive,
    write: (to) => writeAddress(to, settings),
  };
}

/** Adds an address, or gives the one that is there these settings. */
export function replaceAddress(settings: AddressSettings, link?: string): Request {
  return {
    purpose: `set address ${label(settings, link)}`,
    type: Type.new,
    flags: MessageFlag.create | MessageFlag.replace,
    write: (to) => writeAddress(to, settings),
  };
}

/** Which address of which link. */
export interface AddressKey {
  readonly index: number;
  readonly prefix: Prefix;
  readonly peer?: Address;
}

/** Takes an address away; fails with EADDRNOTAVAIL where there is none. */
export function deleteAddress(key: AddressKey, link?: string): Request {
  return {
    purpose: `delete address ${label(key, link)}`,
    type: Type.delete,
    flags: 0,
    write(to) {
      const { address, length } = key.prefix;
      writeHeader(to, { family: address.family, index: key.index }, length);
      put(to, addressAttributes.table.local, address);
      put(to, addressAttributes.table.address, key.peer ?? address);
    },
  };
}

/** Which addresses to list; the kernel looks, not we. */
export interface AddressFilter {
  readonly index?: number;
  readonly family?: Family;
}

/** Lists addresses: for NetlinkSocket.dump. There is no request for a single one. */
export function dumpAddresses({
  index,
  family,
}: AddressFilter = {}): Request<InterfaceAddress | undefined> {
  return {
    purpose: "list addresses",
    type: Type.get,
    flags: 0,
    write: (to) => writeHeader(to, { family, index }),
    read(from, start, end) {
      const row = readAddress(from, start, end);
      if (index !== undefined && row.index !== index) return undefined;
      return family === undefined || row.prefix.address.family === family ? row : undefined;
    },
  };
}

/** As dumpAddresses, of each no more than itself: the rest of what the kernel tells takes three times as long to read. */
export function dumpPrefixes({ index, family }: AddressFilter): Request<Prefix | undefined> {
  return {
    purpose: "list addresses",
    type: Type.get,
    flags: 0,
    write: (to) => writeHeader(to, { family, index }),
    read(from, start, end) {
      addressHeader.require(start, end);
      if (index !== undefined && addressHeader.field.index.get(from, start) !== index) return;
      const values = Located.within(addressAttributes, from, start + addressHeader.size, end);
      const address = values.get("local") ?? values.get("address");
      if (!address) throw new WireError("cannot decode an address message: it has no address");
      if (family !== undefined && address.family !== family) return;
      return { address, length: addressHeader.field.length.get(from, start) };
    },
  };
}

function label({ prefix, index }: AddressKey, link?: string): string {
  return `${formatPrefix(prefix)} on ${link ?? `link number ${index}`}`;
}

function writeHeader(to: Writer, { family, index = 0 }: AddressFilter, length = 0): number {
  const start = to.reserve(addressHeader.size);
  const { field } = addressHeader;
  field.family.set(to, start, familyNumber(family));
  field.length.set(to, start, length);
  field.index.set(to, start, index);
  return start;
}

function writeAddress(to: Writer, settings: AddressSettings): void {
  const { prefix, index, scope } = settings;
  const { address, length } = prefix;
  const flags =
    (settings.noDad ? AddressFlag.noDad : 0) |
    (settings.noPrefixRoute ? AddressFlag.noPrefixRoute : 0);
  const hasWideFlags = flags > 0xff;
  const start = writeHeader(to, { family: address.family, index }, length);
  if (!hasWideFlags) addressHeader.field.flags.set(to, start, flags);
  if (scope !== undefined) addressHeader.field.scope.set(to, start, scope);
  const entries = addressAttributes.table;
  put(to, entries.local, address);
  put(to, entries.label, settings.label);
  if (hasWideFlags) put(to, entries.flags, flags);
  put(to, entries.address, settings.peer ?? address);
  put(to, entries.broadcast, broadcastOf(settings));
  put(to, entries.priority, settings.priority);
  put(to, entries.protocol, settings.protocol);
  const { preferredLifetime: preferred, validLifetime: valid } = settings;
  if (preferred === undefined && valid === undefined) return;
  const times = { preferred: preferred ?? FOREVER, valid: valid ?? FOREVER };
  put(to, entries.cacheInfo, { ...times, created: 0, updated: 0 });
}

/** The kernel invents no broadcast address: without the attribute there is none. */
function broadcastOf({ prefix, peer, broadcast }: AddressSettings): Address | undefined {
  if (broadcast !== undefined) return broadcast ?? undefined;
  const hasOne = prefix.address.family === 4 && prefix.length < NO_BROADCAST && peer === undefined;
  return hasOne ? lastAddress(prefix) : undefined;
}

/** Reads an address from an answer, or from a notification. */
export function readAddress(from: Reader, start: number, end: number): InterfaceAddress {
  const header = addressHeader.read(from, start, end);
  const values = addressAttributes.read(from, start + addressHeader.size, end, {});
  // IPv6 sends the local address only where there is a peer.
  const address = values.local ?? values.address;
  if (!address) throw new WireError("cannot decode an address message: it has no address");
  const isPeer = values.address !== undefined && !sameAddress(values.address, address);
  const flags = values.flags ?? header.flags;
  return {
    index: header.index,
    prefix: { address, length: header.length },
    peer: isPeer ? values.address : undefined,
    broadcast: values.broadcast,
    label: values.label,
    scope: header.scope,
    flags,
    tentative: (flags & AddressFlag.tentative) !== 0,
    dadFailed: (flags & AddressFlag.dadFailed) !== 0,
    priority: values.priority,
    protocol: values.protocol,
    preferredLifetime: values.cacheInfo?.preferred ?? FOREVER,
    validLifetime: values.cacheInfo?.valid ?? FOREVER,
  };
}
