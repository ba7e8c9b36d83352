/** Addresses and prefixes of tests, which write them as texts. */

import { type Address, parseAddress } from "../address.ts";
import { type Prefix, parsePrefix } from "../prefix.ts";

/** The address; throws for what is none. */
export function address(text: string): Address {
  const found = parseAddress(text);
  if (!found) throw new Error(`no address: ${text}`);
  return found;
}

/** The address with its prefix length; throws for what is none. */
export function prefix(text: string): Prefix {
  const found = parsePrefix(text);
  if (!found) throw new Error(`no prefix: ${text}`);
  return found;
}
