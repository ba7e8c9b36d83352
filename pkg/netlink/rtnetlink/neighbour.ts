/** Which hardware address an IP address is at. */

import { type Address, type Family, formatAddress } from "../../ip/address.ts";
import { ipAddress, macAddress } from "../address-codec.ts";
import { attributes, s32, u8, u16, u32 } from "../codec.ts";
import { MessageFlag, type Request } from "../message.ts";
import { struct } from "../struct.ts";
import type { Reader, Writer } from "../wire.ts";
import { familyNumber, familyOf } from "./family.ts";

/** RTM_*NEIGH, linux/rtnetlink.h */
const Type = { new: 28, delete: 29, get: 30 } as const;

/** struct ndmsg, linux/neighbour.h */
const neighbourHeader = struct({
  family: u8,
  pad: u8,
  padToo: u16,
  index: s32,
  state: u16,
  flags: u8,
  type: u8,
});

/** NDA_*, linux/neighbour.h */
const neighbourAttributes = attributes({
  address: [1, ipAddress],
  mac: [2, macAddress],
  index: [8, u32],
  master: [9, u32],
});

/** NUD_*, linux/neighbour.h */
export const NeighbourState = {
  none: 0,
  incomplete: 0x01,
  reachable: 0x02,
  stale: 0x04,
  delay: 0x08,
  probe: 0x10,
  failed: 0x20,
  noArp: 0x40,
  permanent: 0x80,
} as const;

/** NTF_*, linux/neighbour.h */
export const NeighbourFlag = { use: 0x01, self: 0x02, master: 0x04, proxy: 0x08 } as const;

/** An entry of the neighbour table. */
export interface Neighbour {
  readonly index: number;
  readonly address: Address;
  readonly mac?: string;
  /** See NeighbourState; permanent in a new one unless said otherwise. */
  readonly state?: number;
  /** See NeighbourFlag. */
  readonly flags?: number;
}

/** Adds an entry; fails with EEXIST where the address has one. */
export function newNeighbour(neighbour: Neighbour): Request {
  return change("add", neighbour, MessageFlag.create | MessageFlag.exclusive);
}

/** Adds an entry, or changes the one that is there. */
export function replaceNeighbour(neighbour: Neighbour): Request {
  return change("set", neighbour, MessageFlag.create | MessageFlag.replace);
}

/** Deletes an entry. Fails with ENOENT where there is none. */
export function deleteNeighbour(
  neighbour: Pick<Neighbour, "index" | "address" | "flags">,
): Request {
  return {
    purpose: `delete neighbour ${formatAddress(neighbour.address)}`,
    type: Type.delete,
    flags: 0,
    write: (to) => writeNeighbour(to, { ...neighbour, state: NeighbourState.none }),
  };
}

/** Which entries to list; the kernel looks, not we. */
export interface NeighbourFilter {
  readonly index?: number;
  readonly family?: Family;
}

/** Lists entries: for NetlinkSocket.dump. */
export function dumpNeighbours({
  index,
  family,
}: NeighbourFilter = {}): Request<Neighbour | undefined> {
  return {
    purpose: "list neighbours",
    type: Type.get,
    flags: 0,
    write(to) {
      neighbourHeader.put(to, { family: familyNumber(family) });
      neighbourAttributes.write(to, { index }, {});
    },
    read(from, start, end) {
      const row = readNeighbour(from, start, end);
      return index === undefined || row?.index === index ? row : undefined;
    },
  };
}

function change(verb: string, neighbour: Neighbour, flags: number): Request {
  return {
    purpose: `${verb} neighbour ${formatAddress(neighbour.address)}`,
    type: Type.new,
    flags,
    write: (to) => writeNeighbour(to, neighbour),
  };
}

function writeNeighbour(to: Writer, { index, address, mac, state, flags }: Neighbour): void {
  neighbourHeader.put(to, {
    family: familyNumber(address.family),
    index,
    state: state ?? NeighbourState.permanent,
    flags,
  });
  neighbourAttributes.write(to, { address, mac }, {});
}

/** Undefined for an entry that is not about IP, as a bridge's. */
function readNeighbour(from: Reader, start: number, end: number): Neighbour | undefined {
  const { family, index, state, flags } = neighbourHeader.read(from, start, end);
  if (familyOf(family) === undefined) return undefined;
  const { address, mac } = neighbourAttributes.read(from, start + neighbourHeader.size, end, {});
  return address && { index, address, mac, state, flags };
}
