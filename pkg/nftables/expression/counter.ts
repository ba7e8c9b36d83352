/** Counts packets and bytes. */

import { attributes } from "../../netlink/codec.ts";
import { be64 } from "../../netlink/long.ts";

/** NFTA_COUNTER_*, linux/netfilter/nf_tables.h */
export const counter = attributes({
  bytes: [1, be64],
  packets: [2, be64],
});

/** Counts from zero. */
export function count() {
  return { name: "counter", data: {} } as const;
}
