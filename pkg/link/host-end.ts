/** The end that a container's veth has on the host. */

import { optional } from "../netlink/message.ts";
import { getLink, type Link } from "../netlink/rtnetlink/link.ts";
import { getNetnsId } from "../netlink/rtnetlink/netns-id.ts";
import type { Namespace } from "../ns/namespace.ts";
import { Errno } from "../sys/errno.ts";

/**
 * The host's end of the container's link; undefined where it is no veth, or where its other end is elsewhere. Numbers
 * of links repeat in every namespace, so that each end has to name the other, and the host's the container.
 */
export function findHostEnd(host: Namespace, container: Namespace, link: Link): Link | undefined {
  if (link.kind !== "veth" || link.peerIndex === undefined) return undefined;
  const [end, containerId] = host.send(
    optional(getLink({ index: link.peerIndex }), Errno.ENODEV),
    getNetnsId(container.fd),
  );
  if (end === undefined) return undefined;
  const isOther = end.kind === "veth" && end.peerIndex === link.index;
  // Without a number nothing here leads there: an end that names none has its other one beside it.
  const isThere = containerId !== undefined && end.linkNetnsId === containerId;
  return isOther && isThere ? end : undefined;
}
