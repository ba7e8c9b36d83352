/** By which texts packet filter rules are found again: those of the reference suite, so that each finds the other's. */

import type { Attachment } from "../link/attachment.ts";
import { sha512 } from "../sys/sha512.ts";

const DIGITS = 16;

/** How the owners of a network's rules begin. */
export function ownerPrefix(network: string): string {
  return `${sha512(network).slice(0, DIGITS)}-`;
}

/** The owner of an attachment's rules: 33 characters that follow from its three names. */
export function ownerOf({ network, containerId, ifName }: Attachment): string {
  return ownerPrefix(network) + sha512(`${ifName}:${containerId}`).slice(0, DIGITS);
}

/** How many characters an owner has. */
export const ownerLength = 2 * DIGITS + 1;

/** The owners of the attachments that are still valid: what GC must leave alone. */
export function ownersOf(
  network: string,
  attachments: readonly { readonly containerID: string; readonly ifname: string }[],
): ReadonlySet<string> {
  return new Set(
    attachments.map(({ containerID: containerId, ifname: ifName }) =>
      ownerOf({ network, containerId, ifName }),
    ),
  );
}
