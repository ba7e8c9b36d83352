/** The addresses in results, which are text, as values. */

import { type Address, canonicalAddress, parseAddress } from "../ip/address.ts";
import { canonicalPrefix, type Prefix, parsePrefix } from "../ip/prefix.ts";
import type { Route } from "./result.ts";

/** An address with its prefix length. Throws in the reference's words. */
export function toPrefix(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new Error(`invalid CIDR address: ${text}`);
  return prefix;
}

/** An address alone. Throws in the reference's words. */
export function toAddress(text: string): Address {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`invalid IP address: ${text}`);
  return address;
}

/** The route with its addresses as Go prints the values they stand for; text that is none stays. */
export function canonicalRoute({ dst, gw, ...rest }: Route): Route {
  return {
    dst: canonicalPrefix(dst) ?? dst,
    // An empty text is an absent one.
    gw: gw ? (canonicalAddress(gw) ?? gw) : undefined,
    ...rest,
  };
}
