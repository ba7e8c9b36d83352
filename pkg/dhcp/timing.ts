/** When a client sends its messages again, and when it renews (RFC 2131, 4.1 and 4.4.5). */

import type { Lease } from "./lease.ts";
import type { Moment } from "./machine.ts";
import type { Patience } from "./state.ts";

/** RFC 2131, 4.1: doubled each time, with a second more or less; with less where the wait itself is short. */
export function waitOf({ first, most }: Patience, before: number, { random }: Moment): number {
  const base = Math.min(most, first * 2 ** Math.min(before, 16));
  const spread = Math.min(1000, base / 4);
  return base - spread + 2 * spread * fraction(random);
}

/** Up to a tenth early, so that those who began together do not all come at once. */
export function renewalOf(lease: Lease, { random }: Moment): number | null {
  if (lease.expiresAt === null) return null;
  return lease.renewAt - (lease.renewAt - lease.since) * 0.1 * fraction(random);
}

/** Between 0 and 1, from bits that the exchange's number shows least of. */
function fraction(random: number): number {
  return (Math.imul(random >>> 0, 0x9e37_79b1) >>> 8) / 0x100_0000;
}

/** Whole seconds, as the `secs` field counts them. */
export function secondsSince(began: number, { now }: Moment): number {
  return Math.max(0, Math.floor((now - began) / 1000));
}
