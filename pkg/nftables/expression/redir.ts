/** Sends a connection to this host itself, to a port in a register. */

import { attributes, be32 } from "../../netlink/codec.ts";

/** NFTA_REDIR_*, linux/netfilter/nf_tables.h */
export const redir = attributes({
  portFrom: [1, be32],
  portTo: [2, be32],
  flags: [3, be32],
});

/** NF_NAT_RANGE_PROTO_SPECIFIED, linux/netfilter/nf_nat.h */
const WITH_PORT = 2;

/** Redirects the connection; without a port it keeps its own. */
export function redirect(port?: number) {
  return {
    name: "redir",
    data: { portFrom: port, flags: port === undefined ? undefined : WITH_PORT },
  } as const;
}
