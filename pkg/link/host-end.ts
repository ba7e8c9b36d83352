/** The end that a container's veth has on the host. */

import { isNetlinkError } from "../netlink/error.ts";
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
  try {
    const [end, containerId] = host.send(
      getLink({ index: link.peerIndex }),
      getNetnsId(container.fd),
    );
    const isOther = end.kind === "veth" && end.peerIndex === link.index;
    // Without a number nothing here leads there: an end that names none has its other one beside it.
    const isThere = containerId !== undefined && end.linkNetnsId === containerId;
    return isOther && isThere ? end : undefined;
  } catch (error) {
    if (isNetlinkError(error, Errno.ENODEV)) return undefined;
    throw error;
  }
}
