/** Finds links and removes them, where their absence is an answer and no failure. */

import { optional } from "../netlink/message.ts";
import { deleteLink, getLink, type Link, type LinkKey } from "../netlink/rtnetlink/link.ts";
import type { Namespace } from "../ns/namespace.ts";
import { Errno } from "../sys/errno.ts";
import { type Attachment, aliasOf, hash32 } from "./attachment.ts";

/** How many names an attachment's host-side link may have: the next serves where another link has one. */
const names = 10;

/** The link, or undefined if there is none. */
export function findLink(namespace: Namespace, key: LinkKey): Link | undefined {
  return namespace.send(optional(getLink(key), Errno.ENODEV))[0];
}

/** Deletes the link; one that is gone is no failure. */
export function removeLink(namespace: Namespace, key: LinkKey): void {
  namespace.send(optional(deleteLink(key), Errno.ENODEV));
}

/** The names an attachment's host-side link may have, in the order in which they are tried. */
export function* hostNames(attachment: Attachment): Generator<string> {
  const alias = aliasOf(attachment);
  for (let salt = 0; salt < names; salt++) yield `veth${hash32(alias, salt)}`;
}

/** The host-side link that ADD made for the attachment, known by its alias. */
export function findHostLink(host: Namespace, attachment: Attachment): Link | undefined {
  const alias = aliasOf(attachment);
  for (const name of hostNames(attachment)) {
    const link = findLink(host, { name });
    if (link === undefined || link.alias === alias) return link;
  }
  return undefined;
}
