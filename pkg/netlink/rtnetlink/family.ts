/** Address families as the kernel numbers them. */

import type { Family } from "../../ip/address.ts";

/** AF_*, linux/socket.h */
export const AddressFamily = { unspec: 0, ipv4: 2, bridge: 7, ipv6: 10 } as const;

/** The kernel's number; 0, which stands for all, when the family is left out. */
export function familyNumber(family: Family | undefined): number {
  if (family === undefined) return AddressFamily.unspec;
  return family === 4 ? AddressFamily.ipv4 : AddressFamily.ipv6;
}

/** The family of a kernel's number; undefined for those that are not IP. */
export function familyOf(number: number): Family | undefined {
  if (number === AddressFamily.ipv4) return 4;
  return number === AddressFamily.ipv6 ? 6 : undefined;
}
