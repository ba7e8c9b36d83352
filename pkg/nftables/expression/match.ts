/** A match of iptables, for rules that are to stay readable for `iptables`: it does not understand nft's own. */

import { attributes, be32, bytes, string } from "../../netlink/codec.ts";

/** NFTA_MATCH_*, linux/netfilter/nf_tables_compat.h */
export const match = attributes({
  name: [1, string],
  revision: [2, be32],
  info: [3, bytes],
});

/** struct xt_conntrack_mtinfo3, linux/netfilter/xt_conntrack.h: its size, and where it has what is set here */
const connection = { revision: 3, size: 168, matchFlags: 146, stateMask: 150 } as const;
/** XT_CONNTRACK_STATE, linux/netfilter/xt_conntrack.h */
const LOOKS_AT_STATE = 1;

/** `-m conntrack --ctstate`, with the bits of `ConnectionState`. */
export function matchConnectionState(bits: number) {
  const info = new Uint8Array(connection.size);
  const view = new DataView(info.buffer);
  view.setUint16(connection.matchFlags, LOOKS_AT_STATE, true);
  view.setUint16(connection.stateMask, bits, true);
  return {
    name: "match",
    data: { name: "conntrack", revision: connection.revision, info },
  } as const;
}
