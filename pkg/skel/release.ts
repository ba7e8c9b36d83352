/** The two orders in which DEL takes an interface away and gives its addresses back. */

import type { Context } from "./context.ts";

/**
 * Removes what an attachment has and gives its addresses back: last, so that nobody gets them while it still has
 * them. dhcp does that through the interface, whose server waits with an address before it gives it to others.
 */
export function removeAndRelease(
  { ipam, attempt }: Pick<Context<unknown>, "ipam" | "attempt">,
  remove: () => void,
): void {
  if (ipam.usesInterface) attempt(() => ipam.del());
  remove();
  if (!ipam.usesInterface) attempt(() => ipam.del());
}
