/** A constant in an expression or a set's element: bytes, or what becomes of the packet. */

import { attributes, be32, bytes, flagged, string, type ValueOf } from "../../netlink/codec.ts";

/** NFT_RETURN and its like, linux/netfilter/nf_tables.h; NF_DROP and NF_ACCEPT, linux/netfilter.h */
export const Verdict = {
  drop: 0,
  accept: 1,
  jump: 0xfffffffd,
  goto: 0xfffffffc,
  return: 0xfffffffb,
} as const;

/** NFTA_VERDICT_*, linux/netfilter/nf_tables.h */
const verdict = attributes({
  code: [1, be32],
  chain: [2, string],
});

/** NFTA_DATA_*, linux/netfilter/nf_tables.h */
export const data = attributes({
  value: [1, bytes],
  verdict: [2, flagged(verdict)],
});

export type Data = ValueOf<typeof data>;
