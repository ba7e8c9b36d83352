/** Hardware addresses for links we make. */

import { formatMac } from "../ip/mac.ts";
import { randomBytes } from "../sys/random.ts";

/**
 * A random address, unicast and locally administered. Links get theirs from us in the message that makes
 * them: udev leaves such an address alone, and nothing has to be read back.
 */
export function randomMac(): string {
  const bytes = randomBytes(6);
  bytes[0] = ((bytes[0] ?? 0) & 0xfe) | 0x02;
  return formatMac(bytes);
}
