/** Lets the host pass packets on: a gateway that does not is none. */

import { toCniError } from "../../pkg/cni/error.ts";
import type { Family } from "../../pkg/ip/address.ts";
import { ensureSysctl } from "../../pkg/sysctl/sysctl.ts";

const switches = { 4: "net/ipv4/ip_forward", 6: "net/ipv6/conf/all/forwarding" } as const;

/** Turns forwarding on for these families. It is never turned off: others may rely on it by then. */
export function enableForwarding(families: readonly Family[]): void {
  try {
    for (const family of new Set(families)) ensureSysctl(switches[family], "1");
  } catch (error) {
    throw new Error(`failed to enable forwarding: ${toCniError(error).message}`);
  }
}
