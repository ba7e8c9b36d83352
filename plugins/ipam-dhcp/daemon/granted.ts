/** What leases give, of one family and of several. */

import type { Granted } from "../order.ts";

/** All that several leases give, as one result. */
export function together(parts: readonly Granted[]): Granted {
  const dns = Object.assign({}, ...parts.map((part) => part.dns ?? {}));
  for (const list of ["nameservers", "search", "options"] as const) {
    const all = parts.flatMap((part) => part.dns?.[list] ?? []);
    if (all.length > 0) dns[list] = all;
  }
  return {
    ips: parts.flatMap(({ ips }) => ips),
    routes: parts.flatMap(({ routes }) => routes),
    dns: Object.keys(dns).length > 0 ? dns : undefined,
  };
}

/** The addresses, for the log. */
export function namesOf({ ips }: Granted): string {
  return ips.map(({ address }) => address).join(", ");
}
