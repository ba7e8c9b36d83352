/** Counts packets and bytes. */

import { attributes, be64 } from "../../netlink/codec.ts";

/** NFTA_COUNTER_*, linux/netfilter/nf_tables.h */
export const counter = attributes({
  bytes: [1, be64],
  packets: [2, be64],
});

/** Counts from zero. */
export function count() {
  return { name: "counter", data: {} } as const;
}
