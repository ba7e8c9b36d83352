/** CHECK: the reservations are there, and they are the addresses that ADD gave. */

import { toPrefix } from "../../pkg/cni/addresses.ts";
import { CniError, ErrorCode } from "../../pkg/cni/error.ts";
import type { Result } from "../../pkg/cni/result.ts";
import { formatAddress } from "../../pkg/ip/address.ts";
import { type RangeSet, rangeOf } from "../../pkg/ip/range-set.ts";

/** What is being checked. */
export interface Checked {
  readonly containerId: string;
  readonly prevResult: Result | undefined;
}

/**
 * Throws where the attachment holds nothing, or where prevResult has an address of these sets that it does not hold.
 * Addresses of elsewhere may be another plugin's.
 */
export function checkReservations(
  { containerId, prevResult }: Checked,
  sets: readonly RangeSet[],
  held: readonly string[],
): void {
  if (held.length === 0) {
    throw failure(`host-local: Failed to find address added by container ${containerId}`);
  }
  for (const { address: text } of prevResult?.ips ?? []) {
    const { address } = toPrefix(text);
    const name = formatAddress(address);
    if (held.includes(name) || !sets.some((set) => rangeOf(set, address))) continue;
    throw failure(
      `host-local: ${name} of prevResult is not reserved for container ${containerId}, which holds ${held.join(", ")}`,
    );
  }
}

function failure(message: string): CniError {
  return new CniError(ErrorCode.internal, message);
}
