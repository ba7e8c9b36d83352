/** Where each direction is limited: a bucket where packets leave a link, a detour where they arrive on one. */

import { findHostEnd } from "../../pkg/link/host-end.ts";
import type { Link } from "../../pkg/netlink/rtnetlink/link.ts";
import type { Namespace } from "../../pkg/ns/namespace.ts";
import type { Place } from "./bucket.ts";
import type { Limit, Limits } from "./limits.ts";
import { type Hook, isShared, readHook } from "./redirect.ts";

/** The two ends of what connects a container: its interface, and on the host the other end of its veth. */
export interface Ends {
  readonly inside: Place;
  /** Undefined for every other kind of link. */
  readonly outside: Place | undefined;
}

/** What limits which direction. */
export interface Plan {
  readonly roots: readonly { readonly place: Place; readonly limit: Limit }[];
  readonly detour?: { readonly place: Place; readonly limit: Limit; readonly hook: Hook };
}

/** The ends of a container's interface. */
export function endsOf(host: Namespace, container: Namespace, link: Link): Ends {
  const end = findHostEnd(host, container, link);
  return {
    inside: { namespace: container, link },
    outside: end && { namespace: host, link: end },
  };
}

/** The plan for a container's interface. On the host if it has an end there, where the container cannot undo it. */
export function planFor({ inside, outside }: Ends, { ingress, egress }: Limits): Plan {
  if (outside === undefined) {
    return {
      roots: egress ? [{ place: inside, limit: egress }] : [],
      detour: ingress && { place: inside, limit: ingress, hook: readHook(inside) },
    };
  }
  const roots = ingress ? [{ place: outside, limit: ingress }] : [];
  if (egress === undefined) return { roots };
  const hook = readHook(outside);
  // The detour leads past others' filters, which may be the network's policy; behind them, it might never be reached.
  if (isShared(hook)) return { roots: [...roots, { place: inside, limit: egress }] };
  return { roots, detour: { place: outside, limit: egress, hook } };
}
