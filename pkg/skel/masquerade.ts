/** `ipMasq` as the plugins with it have it in common: its keys, and what each verb does about it. */

import * as v from "valibot";
import { toPrefix } from "../cni/addresses.ts";
import { CniError, ErrorCode } from "../cni/error.ts";
import type { IpConfig } from "../cni/result.ts";
import {
  addMasquerade,
  canMasquerade,
  checkMasquerade,
  checkMasqueradeBackend,
  collectMasquerade,
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
  if (ipMasq) checkMasqueradeBackend(ipMasqBackend);
}

/** ADD: gives what the container's addresses send to the world the host's own. */
export function masqueradeAddresses(context: Call, ips: readonly IpConfig[]): void {
  const { config, host, undo } = context;
  if (!config.ipMasq || ips.length === 0) return;
  undo.push(() => removeMasquerade(host, context));
  addMasquerade(host, context, prefixesOf(ips));
}

/** CHECK: throws where a rule is missing for one of the attachment's own addresses. */
export function verifyMasquerade(context: Call): void {
  const { config, host, ifName, prevResult = {} } = context;
  const own = ownAddresses(prevResult, ifName);
  if (config.ipMasq && own.length > 0) checkMasquerade(host, context, prefixesOf(own));
}

/** DEL: removes the attachment's rules, by its names alone. */
export function stopMasquerade(context: Call): void {
  const { config, host, attempt } = context;
  if (config.ipMasq) attempt(() => removeMasquerade(host, context));
}

/** GC: removes the rules of the network's attachments that are not valid any more. */
export function collectMasqueradeRules(context: Call): void {
  const { config, host, network, validAttachments, attempt } = context;
  if (config.ipMasq) attempt(() => collectMasquerade(host, network, validAttachments));
}

/** STATUS: code 50 where the kernel cannot masquerade. */
export function masqueradeStatus({ config, host }: Call): void {
  checkMasqueradeConfig(config);
  if (config.ipMasq && !canMasquerade(host)) {
    throw new CniError(ErrorCode.notAvailable, "cannot masquerade: this kernel has no nf_tables");
  }
}

function prefixesOf(ips: readonly IpConfig[]): Prefix[] {
  return ips.map(({ address }) => toPrefix(address));
}
