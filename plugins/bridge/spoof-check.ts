/** `macspoofchk`: the container sends under its own MAC address only. */

import {
  addSpoofCheck,
  collectSpoofChecks,
  removeSpoofCheck,
  type SpoofCheck,
  verifySpoofCheck,
} from "../../pkg/filter/mac-spoof.ts";
import { ownersOf } from "../../pkg/filter/owner.ts";
import { findHostLink } from "../../pkg/link/find.ts";
import { containerInterface } from "../../pkg/link/verify.ts";
import type { Context } from "../../pkg/skel/context.ts";
import type { BridgeConfig } from "./config.ts";

type Call = Context<BridgeConfig>;

/** ADD: before the container's interface comes up. */
export function preventSpoofing(context: Call, check: SpoofCheck): void {
  if (!context.config.macspoofchk) return;
  context.undo.push(() => removeSpoofCheck(context.host, context));
  addSpoofCheck(context.host, context, check);
}

/** RELOAD: the same for the port that the attachment has. */
export function reloadSpoofCheck(context: Call): void {
  const { config, host, ifName, prevResult } = context;
  if (!config.macspoofchk || prevResult === undefined) return;
  const { mac = "" } = containerInterface(prevResult, ifName);
  const port = findHostLink(host, context);
  if (port === undefined) throw new Error(`cannot find the host's end of "${ifName}"`);
  addSpoofCheck(host, context, { port: port.name, mac });
}

/** CHECK: throws where a rule is missing. */
export function verifySpoofing(context: Call, check: SpoofCheck): void {
  if (context.config.macspoofchk) verifySpoofCheck(context.host, context, check);
}

/** DEL: removes the attachment's rules, by its names alone. */
export function stopSpoofCheck(context: Call): void {
  const { config, attempt } = context;
  if (config.macspoofchk) attempt(() => removeSpoofCheck(context.host, context));
}

/** GC: removes the rules of the network's attachments that are not valid any more. */
export function collectSpoofing({ config, host, network, validAttachments, attempt }: Call): void {
  if (!config.macspoofchk) return;
  attempt(() => collectSpoofChecks(host, network, ownersOf(network, validAttachments)));
}
