/** Masks a register: `(register & mask) ^ flips`. */

import { attributes, be32, flagged } from "../../netlink/codec.ts";
import { data } from "./data.ts";

/** NFTA_BITWISE_*, linux/netfilter/nf_tables.h */
export const bitwise = attributes({
  source: [1, be32],
  destination: [2, be32],
  length: [3, be32],
  mask: [4, flagged(data)],
  flips: [5, flagged(data)],
});

/** Keeps the mask's bits of a register and flips those of `flips`. */
export function maskRegister(register: number, mask: Uint8Array, flips?: Uint8Array) {
  return {
    name: "bitwise",
    data: {
      source: register,
      destination: register,
      length: mask.length,
      mask: { value: mask },
      flips: { value: flips ?? new Uint8Array(mask.length) },
    },
  } as const;
}
