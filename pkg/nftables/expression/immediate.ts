/** Puts a constant into a register, or decides what becomes of the packet. */

import { attributes, be32, flagged } from "../../netlink/codec.ts";
import { data, Verdict } from "./data.ts";

/** NFTA_IMMEDIATE_*, linux/netfilter/nf_tables.h */
export const immediate = attributes({
  destination: [1, be32],
  data: [2, flagged(data)],
});

/** Puts bytes into a register. */
export function setRegister(destination: number, value: Uint8Array) {
  return { name: "immediate", data: { destination, data: { value } } } as const;
}

/** Ends the rule with a verdict; register 0 takes those. */
export function decide(verdict: "accept" | "drop" | "return") {
  const data = { destination: 0, data: { verdict: { code: Verdict[verdict] } } };
  return { name: "immediate", data } as const;
}

/** Goes to another chain, and with `jump` comes back after it. */
export function enter(how: "jump" | "goto", chain: string) {
  const data = { destination: 0, data: { verdict: { code: Verdict[how], chain } } };
  return { name: "immediate", data } as const;
}
