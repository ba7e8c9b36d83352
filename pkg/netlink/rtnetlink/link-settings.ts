/** What both ends of a veth pair, and every other link, can be given: header flags and plain attributes. */

import { macAddress } from "../address-codec.ts";
import {
  attributes,
  boolean,
  type Codec,
  s32,
  string,
  u8,
  u16,
  u32,
  type ValueOf,
} from "../codec.ts";
import { struct } from "../struct.ts";
import type { Reader, Writer } from "../wire.ts";

/** struct ifinfomsg, linux/rtnetlink.h */
export const linkHeader = struct({
  family: u8,
  pad: u8,
  hardwareType: u16,
  index: s32,
  flags: u32,
  change: u32,
});

/** IFF_*, linux/if.h */
export const LinkFlag = {
  up: 0x1,
  broadcast: 0x2,
  loopback: 0x8,
  pointToPoint: 0x10,
  running: 0x40,
  noArp: 0x80,
  promiscuous: 0x100,
  allMulticast: 0x200,
  multicast: 0x1000,
  lowerUp: 0x10000,
} as const;

/** IFLA_*, linux/if_link.h: those that can be set */
export const linkSettings = attributes({
  mac: [1, macAddress],
  broadcast: [2, macAddress],
  name: [3, string],
  mtu: [4, u32],
  /** The link this one is made on. */
  parent: [5, u32],
  /** 0 takes it out. */
  master: [10, u32],
  txQueueLength: [13, u32],
  linkMode: [17, u8],
  netnsPid: [19, u32],
  alias: [20, string],
  group: [27, u32],
  netnsFd: [28, u32],
  txQueues: [31, u32],
  rxQueues: [32, u32],
  carrier: [33, boolean],
  /** The namespace the parent lives in, by the number it has in this one. */
  linkNetnsId: [37, s32],
  /** The namespace to work in, by its number. */
  targetNetnsId: [46, s32],
  altName: [53, string],
});

/** Which link, and its flags; those left out stay as they are. */
export interface LinkHead {
  /** Of the link to change, or the wanted one of a new link. */
  index?: number;
  up?: boolean;
  promiscuous?: boolean;
  allMulticast?: boolean;
  multicast?: boolean;
  noArp?: boolean;
}

/** A link's wanted state, without what depends on its kind. */
export type PlainLinkSettings = LinkHead & ValueOf<typeof linkSettings>;

const settableFlags = ["up", "promiscuous", "allMulticast", "multicast", "noArp"] as const;

/** Writes ifinfomsg: which link, and the flags to change. */
export function writeLinkHeader(to: Writer, index = 0, flags = 0, change = 0): void {
  const at = to.reserve(linkHeader.size) >> 2;
  const { words } = to;
  const { word } = linkHeader;
  words[at + word.index] = index;
  words[at + word.flags] = flags;
  words[at + word.change] = change;
}

/** The settable flags with that value, one by one: a loop over them would cost more than all the rest. */
function flagsThatAre(value: boolean, settings: PlainLinkSettings): number {
  return (
    (settings.up === value ? LinkFlag.up : 0) |
    (settings.promiscuous === value ? LinkFlag.promiscuous : 0) |
    (settings.allMulticast === value ? LinkFlag.allMulticast : 0) |
    (settings.multicast === value ? LinkFlag.multicast : 0) |
    (settings.noArp === value ? LinkFlag.noArp : 0)
  );
}

/** Writes ifinfomsg and the attributes of a link's settings; keys that are neither are not for this function. */
export function writeLinkSettings(to: Writer, settings: PlainLinkSettings): void {
  const on = flagsThatAre(true, settings);
  writeLinkHeader(to, settings.index, on, on | flagsThatAre(false, settings));
  linkSettings.write(to, settings, alone);
}

const alone = {};

/** A link inside an attribute: the peer a veth is created with. */
export const plainLink: Codec<PlainLinkSettings> = {
  write: writeLinkSettings,
  read(from: Reader, start: number, end: number) {
    const { index, flags, change } = linkHeader.read(from, start, end);
    const head: LinkHead = index === 0 ? {} : { index };
    for (const name of settableFlags) {
      if (change & LinkFlag[name]) head[name] = (flags & LinkFlag[name]) !== 0;
    }
    return { ...head, ...linkSettings.read(from, start + linkHeader.size, end, {}) };
  },
};
