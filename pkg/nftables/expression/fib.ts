/** Asks the routing tables about an address of the packet. */

import { attributes, be32 } from "../../netlink/codec.ts";

/** NFTA_FIB_*, linux/netfilter/nf_tables.h */
export const fib = attributes({
  destination: [1, be32],
  result: [2, be32],
  flags: [3, be32],
});

/** NFT_FIB_RESULT_ADDRTYPE and NFTA_FIB_F_*, linux/netfilter/nf_tables.h */
const RESULT_TYPE = 3;
export const FibFlag = { source: 1, destination: 2, mark: 4, inLink: 8, outLink: 16 } as const;

/** Loads what kind of route an address has (RouteType: 2 is local), in the host's byte order. */
export function loadRouteType(flags: number, destination: number) {
  return { name: "fib", data: { flags, result: RESULT_TYPE, destination } } as const;
}
