/** Lets the host pass packets on: a gateway that does not is none. */

import { toCniError } from "../cni/error.ts";
import type { Family } from "../ip/address.ts";
import { ensureSysctl } from "../sysctl/sysctl.ts";

const switches = { 4: "net/ipv4/ip_forward", 6: "net/ipv6/conf/all/forwarding" } as const;

/**
 * Turns forwarding on for these families. It is never turned off: others may rely on it by then. `failure` is
 * how the message begins where that cannot be done.
 */
export function enableForwarding(
  families: readonly Family[],
  failure = "failed to enable forwarding",
): void {
  try {
    for (const family of new Set(families)) ensureSysctl(switches[family], "1");
  } catch (error) {
    throw new Error(`${failure}: ${toCniError(error).message}`);
  }
}
