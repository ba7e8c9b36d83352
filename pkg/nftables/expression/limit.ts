/** Goes on only so many times in a unit of time. */

import { attributes, be32 } from "../../netlink/codec.ts";
import { be64 } from "../../netlink/long.ts";

/** NFTA_LIMIT_*, linux/netfilter/nf_tables.h; the unit is in seconds */
export const limit = attributes({
  rate: [1, be64],
  unit: [2, be64],
  burst: [3, be32],
  type: [4, be32],
  flags: [5, be32],
});

/** Lets `rate` packets pass in `seconds`, after a first burst. */
export function limitPackets(rate: number, seconds: number, burst = 5) {
  const data = { rate: BigInt(rate), unit: BigInt(seconds), burst, type: 0, flags: 0 };
  return { name: "limit", data } as const;
}
