/** `ipMasq` as the plugins with it have it in common: its keys, and what each verb does about it. */

import * as v from "valibot";
import { toPrefix } from "../cni/addresses.ts";
import { CniError, ErrorCode } from "../cni/error.ts";
import type { IpConfig } from "../cni/result.ts";
import {
  addMasquerade,
  canMasquerade,
  checkMasquerade,
  collectMasquerade,
  masqueradeBackend,
  removeMasquerade,
} from "../filter/masquerade.ts";
import type { Prefix } from "../ip/prefix.ts";
import { ownAddresses } from "../link/verify.ts";
import type { Context } from "./context.ts";
import { saysOneOf } from "./json-schema.ts";

/** Keys for the plugin's table. */
export const masqueradeEntries = {
  ipMasq: v.optional(v.boolean(), false),
  ipMasqBackend: v.optional(v.pipe(v.string(), saysOneOf("nftables", "iptables"))),
};

/** A configuration with those keys. */
export interface MasqueradeConfig {
  readonly ipMasq: boolean;
  readonly ipMasqBackend?: string;
}

type Call = Context<MasqueradeConfig>;

/** Refuses a backend that there is not: before anything is changed. */
export function checkMasqueradeConfig({ ipMasq, ipMasqBackend }: MasqueradeConfig): void {
  if (ipMasq) masqueradeBackend(ipMasqBackend);
}

/** ADD: gives what the container's addresses send to the world the host's own. */
export function masqueradeAddresses(context: Call, ips: readonly IpConfig[]): void {
  const { config, undo } = context;
  if (!config.ipMasq || ips.length === 0) return;
  undo.push(() => removeMasquerade(context));
  addMasquerade(context, masqueradeBackend(config.ipMasqBackend), prefixesOf(ips));
}

/** RELOAD: the same for the addresses that the attachment has. */
export function reloadMasquerade(context: Call): void {
  masqueradeAddresses(context, ownAddresses(context.prevResult ?? {}, context.ifName));
}

/** CHECK: throws where a rule is missing for one of the attachment's own addresses. */
export function verifyMasquerade(context: Call): void {
  const { config, ifName, prevResult = {} } = context;
  const own = ownAddresses(prevResult, ifName);
  if (!config.ipMasq || own.length === 0) return;
  checkMasquerade(context, masqueradeBackend(config.ipMasqBackend), prefixesOf(own));
}

/** DEL: removes the attachment's rules, by its names alone. */
export function stopMasquerade(context: Call): void {
  const { config, attempt } = context;
  if (config.ipMasq) attempt(() => removeMasquerade(context));
}

/** GC: removes the rules of the network's attachments that are not valid any more. */
export function collectMasqueradeRules(context: Call): void {
  const { config, validAttachments, attempt } = context;
  if (config.ipMasq) attempt(() => collectMasquerade(context, validAttachments));
}

/** STATUS: code 50 where the host cannot masquerade. */
export function masqueradeStatus(context: Call): void {
  const { ipMasq, ipMasqBackend } = context.config;
  if (!ipMasq) return;
  const backend = masqueradeBackend(ipMasqBackend);
  if (canMasquerade(context, backend)) return;
  const what =
    backend === "iptables" ? "this host has no iptables" : "this kernel has no nf_tables";
  throw new CniError(ErrorCode.notAvailable, `cannot masquerade: ${what}`);
}

function prefixesOf(ips: readonly IpConfig[]): Prefix[] {
  return ips.map(({ address }) => toPrefix(address));
}
