/** The end that a container's veth has on the host. */

import { optional, type Request } from "../netlink/message.ts";
import { getLink, type Link } from "../netlink/rtnetlink/link.ts";
import { getNetnsId } from "../netlink/rtnetlink/netns-id.ts";
import type { Namespace } from "../ns/namespace.ts";
import { Errno } from "../sys/errno.ts";

/** The host's end of the container's link; undefined where it is no veth, or where its other end is elsewhere. */
export function findHostEnd(host: Namespace, container: Namespace, link: Link): Link | undefined {
  const index = peerOf(link);
  if (index === undefined) return undefined;
  return hostEndIn(link, host.send(...askForHostEnd(container, index)));
}

/** The number of a veth's other end, wherever that is; undefined for any other link. */
export function peerOf(link: Link): number | undefined {
  return link.kind === "veth" ? link.peerIndex : undefined;
}

/** What the host is asked about a container's veth, for who has more to ask in the same go. */
export function askForHostEnd(
  container: Namespace,
  peer: number,
): [Request<Link | undefined>, Request<number | undefined>] {
  return [optional(getLink({ index: peer }), Errno.ENODEV), getNetnsId(container.fd)];
}

/**
 * The host's end in the answers. Numbers of links repeat in every namespace, so that each end has to name the other, and
 * the host's the container.
 */
export function hostEndIn(
  link: Link,
  [end, containerId]: readonly [Link | undefined, number | undefined],
): Link | undefined {
  if (end === undefined) return undefined;
  const isOther = end.kind === "veth" && end.peerIndex === link.index;
  // Without a number nothing here leads there: an end that names none has its other one beside it.
  const isThere = containerId !== undefined && end.linkNetnsId === containerId;
  return isOther && isThere ? end : undefined;
}
