/** Takes bytes out of the packet. */

import { attributes, be32 } from "../../netlink/codec.ts";

/** NFTA_PAYLOAD_*, linux/netfilter/nf_tables.h */
export const payload = attributes({
  destination: [1, be32],
  base: [2, be32],
  offset: [3, be32],
  length: [4, be32],
});

/** NFT_PAYLOAD_*, linux/netfilter/nf_tables.h */
export const PayloadBase = { link: 0, network: 1, transport: 2 } as const;

/** Which bytes: `tcp dport` are two at 2 of the transport header. */
export interface PacketField {
  readonly base: number;
  readonly offset: number;
  readonly length: number;
}

/** Loads a field of the packet into a register. */
export function loadPayload({ base, offset, length }: PacketField, destination: number) {
  return { name: "payload", data: { destination, base, offset, length } } as const;
}
