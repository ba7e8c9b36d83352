/** Goes on only where a register lies between two constants, or outside. */

import { attributes, be32, flagged } from "../../netlink/codec.ts";
import { data } from "./data.ts";

/** NFTA_RANGE_*, linux/netfilter/nf_tables.h */
export const range = attributes({
  source: [1, be32],
  operation: [2, be32],
  from: [3, flagged(data)],
  to: [4, flagged(data)],
});

/** NFT_RANGE_*, linux/netfilter/nf_tables.h */
export const RangeOperation = { inside: 0, outside: 1 } as const;

/** Both ends belong to the range. */
export function compareRange(source: number, operation: number, from: Uint8Array, to: Uint8Array) {
  const data = { source, operation, from: { value: from }, to: { value: to } };
  return { name: "range", data } as const;
}
