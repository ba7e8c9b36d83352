/** What the kernel knows about the packet's connection. */

import { attributes, be32, u8 } from "../../netlink/codec.ts";

/** NFTA_CT_*, linux/netfilter/nf_tables.h */
export const ct = attributes({
  destination: [1, be32],
  key: [2, be32],
  direction: [3, u8],
  source: [4, be32],
});

/** NFT_CT_*, linux/netfilter/nf_tables.h */
export const ConnectionKey = { state: 0, status: 2, mark: 3 } as const;

/** The bits of a connection's state, as `ct state` names them. */
export const ConnectionState = { invalid: 1, established: 2, related: 4, new: 8 } as const;

/** IPS_*, linux/netfilter/nf_conntrack_common.h */
export const ConnectionStatus = { sourceNat: 0x10, destinationNat: 0x20 } as const;

/** Loads something into a register. */
export function loadConnection(key: number, destination: number) {
  return { name: "ct", data: { key, destination } } as const;
}
