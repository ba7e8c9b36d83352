/** Goes on only where a register is in a set; in a map it finds a value, or a verdict, too. */

import { attributes, be32, string } from "../../netlink/codec.ts";

/** NFTA_LOOKUP_*, linux/netfilter/nf_tables.h */
export const lookup = attributes({
  set: [1, string],
  source: [2, be32],
  destination: [3, be32],
  setId: [4, be32],
  flags: [5, be32],
});

/** NFT_LOOKUP_F_INV, linux/netfilter/nf_tables.h */
const INVERT = 1;

/** What to look up, and where. */
export interface Lookup {
  readonly set: string;
  /** For a set that the same transaction makes. */
  readonly setId?: number;
  readonly source: number;
  /** Where a map's value goes. */
  readonly destination?: number;
  readonly invert?: boolean;
}

/** Looks a register up. */
export function lookUp({ set, setId, source, destination, invert }: Lookup) {
  const flags = invert ? INVERT : undefined;
  return { name: "lookup", data: { source, destination, set, setId, flags } } as const;
}
