/** What the kernel knows about a packet besides its bytes: interfaces, mark, protocols. */

import { attributes, be32 } from "../../netlink/codec.ts";

/** NFTA_META_*, linux/netfilter/nf_tables.h */
export const meta = attributes({
  destination: [1, be32],
  key: [2, be32],
  source: [3, be32],
});

/** NFT_META_*, linux/netfilter/nf_tables.h */
export const MetaKey = {
  mark: 3,
  inLink: 4,
  outLink: 5,
  inLinkName: 6,
  outLinkName: 7,
  family: 15,
  protocol: 16,
} as const;

/** Loads something into a register. */
export function loadMeta(key: number, destination: number) {
  return { name: "meta", data: { key, destination } } as const;
}

/** Sets something from a register: the mark. */
export function storeMeta(key: number, source: number) {
  return { name: "meta", data: { key, source } } as const;
}
