/** Finds what an attachment made wherever it went, and removes it. */

import type { Request } from "../netlink/message.ts";
import { dumpLinks, type Link, setLink } from "../netlink/rtnetlink/link.ts";
import type { Namespace } from "../ns/namespace.ts";
import { type Attachment, aliasOf, aliasPrefix } from "./attachment.ts";
import { findHostLink, findLink, removeLink } from "./find.ts";

/** Where DEL looks. */
export interface Surroundings {
  readonly host: Namespace;
  /** Undefined once it is gone. */
  readonly container: Namespace | undefined;
}

/** Marks a link as the attachment's, by its alias: it is found again when somebody renames or moves it. */
export function markLink(index: number, attachment: Attachment): Request {
  return setLink({ index, alias: aliasOf(attachment) }, `mark ${attachment.ifName}`);
}

/**
 * Removes the interface that ADD made in the container: the one marked so, else, as another suite made it or
 * somebody took the mark away, the one of the right name and kind. One that is gone is no failure.
 */
export function removeInterface(where: Surroundings, attachment: Attachment, kind: string): void {
  const { container } = where;
  const { ifName: name } = attachment;
  const alias = aliasOf(attachment);
  const link = container && findLink(container, { name });
  const named = container && link?.kind === kind ? link : undefined;
  if (container && named?.alias === alias) {
    removeLink(container, { index: named.index });
    return;
  }
  const marked = [where.host, ...(container ? [container] : [])].filter((namespace) =>
    removeMarked(namespace, kind, alias),
  );
  const isAnothers = isMark(named?.alias ?? "", name);
  if (container && named && marked.length === 0 && !isAnothers) {
    removeLink(container, { index: named.index });
  }
}

/** Whether an alias is some attachment's mark: one whose ADD was refused must not remove what is another's. */
function isMark(alias: string, ifName: string): boolean {
  const parts = alias.split("/");
  return parts.length === 3 && parts[2] === ifName;
}

/** True if there was one. */
function removeMarked(namespace: Namespace, kind: string, alias: string): boolean {
  const link = namespace.socket.dump(dumpLinks({ kind })).find((link) => link.alias === alias);
  if (link === undefined) return false;
  removeLink(namespace, { index: link.index });
  return true;
}

/** Removes the attachment's veth pair by whichever end is found. */
export function removeVeth(where: Surroundings, attachment: Attachment): void {
  const end = findHostLink(where.host, attachment);
  if (end !== undefined) removeLink(where.host, { index: end.index });
  else removeInterface(where, attachment, "veth");
}

/** Which attachments' links may stay. */
export interface Valid {
  readonly network: string;
  readonly attachments: readonly { readonly containerID: string; readonly ifname: string }[];
}

/** The host's links of that kind that belong to attachments of the network which are no longer valid. */
export function findStale(host: Namespace, kind: string, { network, attachments }: Valid): Link[] {
  const valid = new Set(
    attachments.map(({ containerID, ifname }) =>
      aliasOf({ network, containerId: containerID, ifName: ifname }),
    ),
  );
  return host.socket
    .dump(dumpLinks({ kind }))
    .filter(({ alias = "" }) => alias.startsWith(aliasPrefix(network)) && !valid.has(alias));
}
