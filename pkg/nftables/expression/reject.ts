/** Drops a packet and tells its sender. */

import { attributes, be32, u8 } from "../../netlink/codec.ts";

/** NFTA_REJECT_*, linux/netfilter/nf_tables.h */
export const reject = attributes({
  type: [1, be32],
  code: [2, u8],
});

/** NFT_REJECT_ICMPX_*, linux/netfilter/nf_tables.h: the same for both families */
export const RejectCode = {
  noRoute: 0,
  portUnreachable: 1,
  hostUnreachable: 2,
  prohibited: 3,
} as const;

const TCP_RESET = 1;
const ICMPX = 2;

/** Answers with an ICMP error of the packet's family: for tables of family inet. */
export function refuse(code: number) {
  return { name: "reject", data: { type: ICMPX, code } } as const;
}

/** Answers with a TCP reset: after a match on the protocol. */
export function resetConnection() {
  return { name: "reject", data: { type: TCP_RESET, code: 0 } } as const;
}
