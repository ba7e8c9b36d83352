/** Waits for what the kernel does by itself, woken by its own notifications. */

import { RouteGroup } from "../netlink/rtnetlink/group.ts";
import { getLink, type Link } from "../netlink/rtnetlink/link.ts";
import type { Namespace } from "../ns/namespace.ts";

/** As long as the reference tries. */
const patienceMs = 2_500;

/** Waits until the link passes packets. `seen` is what was read of it last. Throws with its state in the end. */
export function waitUntilUp(namespace: Namespace, seen: Link): void {
  let link = seen;
  const isUp = () => {
    if (link.operState !== "up") [link] = namespace.send(getLink({ index: link.index }));
    return link.operState === "up" ? true : undefined;
  };
  if (seen.operState === "up") return;
  if (namespace.socket.waitFor([RouteGroup.link], isUp, patienceMs)) return;
  throw new Error(`bridge port in error state: ${link.operState}`);
}
