/** What the netfilter messages share: the header behind netlink's own, and how a type names its subsystem. */

import { be16, u8 } from "./codec.ts";
import { struct } from "./struct.ts";

/** NFNL_SUBSYS_*, linux/netfilter/nfnetlink.h */
export const Subsystem = { conntrack: 1, nftables: 10 } as const;

/** struct nfgenmsg, linux/netfilter/nfnetlink.h; the resource is a batch's subsystem and zero elsewhere */
export const filterHeader = struct({ family: u8, version: u8, resource: be16 });

/** NFPROTO_*, linux/netfilter.h */
export const FilterFamily = { any: 0, inet: 1, ipv4: 2, netdev: 5, bridge: 7, ipv6: 10 } as const;

/** A message type of a subsystem. */
export function messageType(subsystem: number, type: number): number {
  return (subsystem << 8) | type;
}
