/** Where each direction is limited: a bucket where packets leave a link, a detour where they arrive on one. */

import type { Attachment } from "../../pkg/link/attachment.ts";
import { findHostEnd } from "../../pkg/link/host-end.ts";
import type { Link } from "../../pkg/netlink/rtnetlink/link.ts";
import type { Namespace } from "../../pkg/ns/namespace.ts";
import type { Qdisc } from "../../pkg/tc/qdisc.ts";
import { type Place, rootOf } from "./bucket.ts";
import type { Limit, Limits } from "./limits.ts";
import { isShared, look, type Present } from "./redirect.ts";

/** The two ends of what connects a container: its interface, and on the host the other end of its veth. */
export interface Ends {
  readonly inside: Place;
  /** Undefined for every other kind of link. */
  readonly outside: Place | undefined;
}

/** What limits which direction. */
export interface Plan {
  readonly roots: readonly Root[];
  readonly detour?: { readonly place: Place; readonly limit: Limit; readonly present: Present };
}

/** A bucket to be, and what is in its place now. */
export interface Root {
  readonly place: Place;
  readonly limit: Limit;
  readonly present: Qdisc | undefined;
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
export function planFor(
  { inside, outside }: Ends,
  { ingress, egress }: Limits,
  attachment: Attachment,
): Plan {
  const here = outside ?? inside;
  const present = look(here, attachment);
  const [leaves, arrives] = outside === undefined ? [egress, ingress] : [ingress, egress];
  const roots: Root[] = leaves ? [{ place: here, limit: leaves, present: present.root }] : [];
  if (arrives === undefined) return { roots };
  // The detour leads past others' filters, which may be the network's policy; behind them, it might never be reached.
  if (outside !== undefined && isShared(present.hook)) {
    roots.push({ place: inside, limit: arrives, present: rootOf(inside) });
    return { roots };
  }
  return { roots, detour: { place: here, limit: arrives, present } };
}
