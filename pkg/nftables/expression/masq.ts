/** Gives a connection the address of the interface it leaves by as its source. */

import { attributes, be32 } from "../../netlink/codec.ts";

/** NFTA_MASQ_*, linux/netfilter/nf_tables.h */
export const masq = attributes({
  flags: [1, be32],
  portFrom: [2, be32],
  portTo: [3, be32],
});

/** Masquerades the connection. */
export function masquerade() {
  return { name: "masq", data: {} } as const;
}
