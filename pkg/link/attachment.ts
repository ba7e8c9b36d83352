/** Host-side links carry the attachment they belong to, so that DEL and GC find them without the namespace. */

import { encode } from "../sys/text.ts";

/** What identifies an attachment within a host. */
export interface Attachment {
  readonly network: string;
  readonly containerId: string;
  readonly ifName: string;
}

/** IFALIASZ less its NUL, linux/if.h, and less ours: there are kernels that count it (ERANGE). */
const longestAlias = 254;

/**
 * The alias of a host-side link: `<network>/<container id>/<ifname>`. No part can hold a slash. Of one that is too
 * long the middle is cut, and a digest keeps it distinct.
 */
export function aliasOf({ network, containerId, ifName }: Attachment): string {
  const alias = `${aliasPrefix(network)}${containerId}/${ifName}`;
  if (encode(alias).length <= longestAlias) return alias;
  const end = `~${hash32(alias, 0)}${hash32(alias, 1)}/${ifName}`;
  // What stays of the beginning is one byte a letter: only names of interfaces may be others.
  return alias.slice(0, longestAlias - encode(end).length) + end;
}

/** How the aliases of a network's attachments begin. */
export function aliasPrefix(network: string): string {
  return `${network}/`;
}

/** Eight hexadecimal digits that follow from a text; another salt gives others (FNV-1a). */
export function hash32(text: string, salt: number): string {
  let hash = 0x811c9dc5 ^ salt;
  const bytes = encode(text);
  // Ids are long: the length, which costs a call to ask, is asked once, and so is the function.
  const { length } = bytes;
  const { imul } = Math;
  for (let at = 0; at < length; at++) hash = imul(hash ^ (bytes[at] as number), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}
