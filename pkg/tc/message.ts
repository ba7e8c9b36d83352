/** What requests about queueing disciplines and filters have in common. */

import { s32, u8, u16, u32 } from "../netlink/codec.ts";
import { struct } from "../netlink/struct.ts";

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

/** TC_H_*, linux/pkt_sched.h: the places on a link where something can be */
export const TcPlace = {
  /** What leaves the link. */
  root: 0xffffffff,
  /** Where the one discipline of what arrives goes, whether "ingress" or "clsact". */
  arriving: 0xfffffff1,
  /** The parent of filters for what arrives, under either of the two. */
  arrivingFilters: 0xfffffff2,
} as const;
