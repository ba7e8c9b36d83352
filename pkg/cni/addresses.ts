/** The addresses in results, which are text, as values. */

import { type Address, parseAddress } from "../ip/address.ts";
import { type Prefix, parsePrefix } from "../ip/prefix.ts";

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
