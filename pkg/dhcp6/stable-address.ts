/** The address that a container makes itself in a prefix (RFC 7217): the same whenever it comes back, and nobody else's. */

import type { Address } from "../ip/address.ts";
import { parsePrefix } from "../ip/prefix.ts";
import { sha512 } from "../sys/sha512.ts";

const identifierBits = 64;
/** Reserved identifiers, RFC 5453: subnet anycast. */
const leastAnycast = 0xfdff_ffff_ffff_ff80n;
const mostAnycast = 0xfdff_ffff_ffff_ffffn;

/**
 * The address of `whose` in a prefix of 64 bits; `conflicts` counts those found to be somebody else's. Undefined for a
 * prefix of another length (RFC 4862, 5.5.3 d).
 */
export function stableAddress(
  prefix: string,
  whose: string,
  conflicts: number,
): Address | undefined {
  const parsed = parsePrefix(prefix);
  if (parsed?.length !== 128 - identifierBits) return undefined;
  for (let round = 0; ; round++) {
    const hash = sha512(`${prefix} ${whose} ${conflicts} ${round}`);
    const identifier = BigInt(`0x${hash.slice(0, identifierBits / 4)}`);
    const isReserved =
      identifier === 0n || (identifier >= leastAnycast && identifier <= mostAnycast);
    if (!isReserved) return { family: 6, value: parsed.address.value | identifier };
  }
}
