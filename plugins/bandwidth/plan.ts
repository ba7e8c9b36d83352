/** Where each direction is limited: a bucket where packets leave a link, a detour where they arrive on one. */

import type { Attachment } from "../../pkg/link/attachment.ts";
import { askForHostEnd, findHostEnd, hostEndIn, peerOf } from "../../pkg/link/host-end.ts";
import type { Link } from "../../pkg/netlink/rtnetlink/link.ts";
import type { Namespace } from "../../pkg/ns/namespace.ts";
import type { Qdisc } from "../../pkg/tc/qdisc.ts";
import { type Place, rootOf } from "./bucket.ts";
import type { Limit, Limits } from "./limits.ts";
import { askForPresent, ifbNameOf, isShared, type Present, presentIn } from "./redirect.ts";

/** Where and for whom a plan is made. */
interface Surroundings extends Attachment {
  readonly host: Namespace;
  readonly container: Namespace;
}

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

/** Both ends, and how things are on the one that is worked on: on the host, where the container cannot undo it. */
interface Survey extends Ends {
  readonly here: Place;
  readonly present: Present;
}

/**
 * Looks at all of it, in one go where it is known which number the other end has. What the host has under that number may
 * be somebody else's: its answers count once it is known to be the other end.
 */
function survey(surroundings: Surroundings, link: Link): Survey {
  const { host, container } = surroundings;
  const name = ifbNameOf(surroundings);
  const inside = { namespace: container, link };
  const peer = peerOf(link);
  if (peer !== undefined) {
    const [end, containerId, ...answers] = host.send(
      ...askForHostEnd(container, peer),
      ...askForPresent(peer, name),
    );
    const found = hostEndIn(link, [end, containerId]);
    if (found !== undefined) {
      const here = { namespace: host, link: found };
      return { inside, outside: here, here, present: presentIn(here, name, answers) };
    }
  }
  const present = presentIn(inside, name, container.send(...askForPresent(link.index, name)));
  return { inside, outside: undefined, here: inside, present };
}

/** The plan for a container's interface. */
export function planFor(surroundings: Surroundings, link: Link, { ingress, egress }: Limits): Plan {
  const { inside, outside, here, present } = survey(surroundings, link);
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
