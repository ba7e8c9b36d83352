/** Gives a connection another destination or source. */

import { attributes, be32 } from "../../netlink/codec.ts";

/** NFTA_NAT_*, linux/netfilter/nf_tables.h; the four in the middle are registers */
export const nat = attributes({
  type: [1, be32],
  family: [2, be32],
  addressFrom: [3, be32],
  addressTo: [4, be32],
  portFrom: [5, be32],
  portTo: [6, be32],
  flags: [7, be32],
});

/** NFT_NAT_*, linux/netfilter/nf_tables.h */
export const NatType = { source: 0, destination: 1 } as const;

/** Registers that hold the new address and, if it changes too, the new port. */
export interface Translation {
  readonly type: number;
  /** See FilterFamily. */
  readonly family: number;
  readonly address: number;
  readonly port?: number;
}

/** Translates the connection as registers say. */
export function translate({ type, family, address, port }: Translation) {
  return { name: "nat", data: { type, family, addressFrom: address, portFrom: port } } as const;
}
