/** Link-local IPv6 addresses. */

import { parseMac } from "./mac.ts";
import type { Prefix } from "./prefix.ts";

const linkLocalNetwork = 0xfe80n << 112n;
/** Where each byte of a MAC address lands: the middle of the identifier is ff:fe. */
const shifts = [56n, 48n, 40n, 16n, 8n, 0n] as const;
const middle = 0xff_fe00_0000n;
/** The bit of the first byte that says who chose the address, the other way round in an identifier. */
const universal = 0x02n << 56n;

/**
 * The address that the kernel makes of an interface's MAC address: its modified EUI-64 (RFC 4291, appendix A) in
 * fe80::/64. Undefined for a MAC address that has not six bytes.
 */
export function linkLocalOf(mac: string): Prefix | undefined {
  const bytes = parseMac(mac);
  if (bytes?.length !== shifts.length) return undefined;
  let identifier = middle;
  for (const [at, shift] of shifts.entries()) identifier |= BigInt(bytes[at] ?? 0) << shift;
  return { address: { family: 6, value: linkLocalNetwork | (identifier ^ universal) }, length: 64 };
}
