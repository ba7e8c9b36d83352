/** Goes on only where a register compares with a constant as wanted. */

import { attributes, be32, flagged } from "../../netlink/codec.ts";
import { data } from "./data.ts";

/** NFTA_CMP_*, linux/netfilter/nf_tables.h */
export const cmp = attributes({
  source: [1, be32],
  operation: [2, be32],
  data: [3, flagged(data)],
});

/** NFT_CMP_*, linux/netfilter/nf_tables.h */
export const Comparison = {
  equal: 0,
  notEqual: 1,
  less: 2,
  lessOrEqual: 3,
  greater: 4,
  greaterOrEqual: 5,
} as const;

/** Compares as many bytes as the constant has. */
export function compare(source: number, operation: number, value: Uint8Array) {
  return { name: "cmp", data: { source, operation, data: { value } } } as const;
}
