/** Lets containers speak to the world with their host's address: `ipMasq`, as the bridge and ptp plugins have it. */

import { CniError, ErrorCode } from "../cni/error.ts";
import type { Prefix } from "../ip/prefix.ts";
import type { Attachment } from "../link/attachment.ts";
import type { Namespace } from "../ns/namespace.ts";
import { findFilter, openFilter } from "./backend.ts";
import { addRules, checkRules, collectRules, removeRules } from "./masquerade-nftables.ts";
import { ownersOf } from "./owner.ts";

/** Refuses a value of `ipMasqBackend` that there is no backend for. */
export function checkMasqueradeBackend(backend: string | undefined): void {
  if (backend === undefined || backend === "" || backend === "nftables") return;
  if (backend === "iptables") {
    throw new CniError(
      ErrorCode.unsupportedField,
      `unsupported field "ipMasqBackend" with value "iptables"`,
    );
  }
  throw new CniError(ErrorCode.invalidConfig, `unknown ipmasq backend "${backend}"`);
}

/** Whether ADD could masquerade here. */
export function canMasquerade(host: Namespace): boolean {
  return findFilter(host) !== undefined;
}

/**
 * Masquerades what leaves the container's addresses for outside their networks. Push `removeMasquerade` to the
 * undo list before.
 */
export function addMasquerade(
  host: Namespace,
  owner: Attachment,
  addresses: readonly Prefix[],
): void {
  addRules(openFilter(host, "cannot masquerade"), owner, addresses);
}

/** Throws where the rules are not as ADD made them. */
export function checkMasquerade(
  host: Namespace,
  owner: Attachment,
  addresses: readonly Prefix[],
): void {
  checkRules(openFilter(host, "cannot check masquerading"), owner, addresses);
}

/** Removes what ADD made, by the attachment's names alone; nothing being there is no failure. */
export function removeMasquerade(host: Namespace, owner: Attachment): void {
  const socket = findFilter(host);
  if (socket !== undefined) removeRules(socket, owner);
}

/** GC: removes the rules of the network's attachments that are not in the list. */
export function collectMasquerade(
  host: Namespace,
  network: string,
  valid: readonly { readonly containerID: string; readonly ifname: string }[],
): void {
  const socket = findFilter(host);
  if (socket !== undefined) collectRules(socket, network, ownersOf(network, valid));
}
