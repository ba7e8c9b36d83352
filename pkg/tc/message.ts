/** What requests about queueing disciplines and filters have in common. */

import { s32, u8, u16, u32 } from "../netlink/codec.ts";
import { struct } from "../netlink/struct.ts";
import type { Writer } from "../netlink/wire.ts";

/** RTM_*QDISC and RTM_*TFILTER, linux/rtnetlink.h */
export const Type = {
  newQdisc: 36,
  deleteQdisc: 37,
  getQdisc: 38,
  newFilter: 44,
  deleteFilter: 45,
  getFilter: 46,
} as const;

/** struct tcmsg, linux/rtnetlink.h */
export const tcHeader = struct({
  family: u8,
  pad: u8,
  padToo: u16,
  index: s32,
  handle: u32,
  parent: u32,
  info: u32,
});

/** What a message is about: the link, the place on it, and the number of what is there. */
export interface TcKey {
  readonly index: number;
  readonly parent: number;
  readonly handle?: number;
  /** Of a filter: its priority and protocol. */
  readonly info?: number;
}

/** Writes struct tcmsg. */
export function writeTcHeader(to: Writer, { index, parent, handle = 0, info = 0 }: TcKey): void {
  const at = to.reserve(tcHeader.size) >> 2;
  const { words } = to;
  const { word } = tcHeader;
  words[at + word.index] = index;
  words[at + word.handle] = handle;
  words[at + word.parent] = parent;
  words[at + word.info] = info;
}

/** TC_H_*, linux/pkt_sched.h: the places on a link where something can be */
export const TcPlace = {
  /** What leaves the link. */
  root: 0xffffffff,
  /** Where the one discipline of what arrives goes, whether "ingress" or "clsact". */
  arriving: 0xfffffff1,
  /** The parent of filters for what arrives, under either of the two. */
  arrivingFilters: 0xfffffff2,
} as const;
