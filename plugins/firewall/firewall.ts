/** Lets the host's packet filter forward what the container sends, and what answers it; `ingressPolicy` keeps others away. */

import { toCniError } from "../../pkg/cni/error.ts";
import { ownerLength, ownerOf, ownerPrefix, ownersOf } from "../../pkg/filter/owner.ts";
import type { Context } from "../../pkg/skel/context.ts";
import { definePlugin } from "../../pkg/skel/plugin.ts";
import { ifPresent } from "../../pkg/sys/file.ts";
import { readSysctl } from "../../pkg/sysctl/sysctl.ts";
import { backendFor, removeEverywhere, requireBackend } from "./backend.ts";
import { type FirewallConfig, firewallEntries, settingsOf } from "./config.ts";
import { addressesOf, wishOf } from "./wish.ts";

export const firewall = definePlugin({
  name: "firewall",
  versions: ["0.4.0", "1.0.0", "1.1.0"],
  config: firewallEntries,

  add(context) {
    const { prevResult, undo } = context;
    const settings = settingsOf(context.config);
    if (prevResult === undefined) throw new Error("missing prevResult from earlier plugin");
    const wish = wishOf(context, settings, prevResult);
    if (wish.addresses.length === 0) return prevResult;
    const backend = backendFor(context, settings);
    undo.push(() => {
      removeEverywhere(context, { isGone: (owner) => owner === wish.owner, part: wish.owner });
      context.finishAttempts();
    });
    backend.allow(wish);
    if (wish.policy === "isolated") warnUnfiltered(context, wish.bridge ?? "");
    return prevResult;
  },

  check(context) {
    const { prevResult } = context;
    const settings = settingsOf(context.config);
    if (prevResult === undefined) throw new Error("missing prevResult from earlier plugin");
    const wish = wishOf(context, settings, prevResult);
    if (wish.addresses.length > 0) backendFor(context, settings).verify(wish);
  },

  del(context) {
    const own = ownerOf(context);
    removeEverywhere(context, {
      isGone: (owner) => owner === own,
      part: own,
      addresses: givenAddresses(context),
    });
  },

  gc(context) {
    const { network, validAttachments } = context;
    const prefix = ownerPrefix(network);
    const valid = ownersOf(network, validAttachments);
    removeEverywhere(context, {
      part: prefix,
      isGone: (owner) =>
        owner.length === ownerLength && owner.startsWith(prefix) && !valid.has(owner),
    });
  },

  status(context) {
    requireBackend(context, settingsOf(context.config));
  },

  reload(context) {
    const { prevResult } = context;
    const settings = settingsOf(context.config);
    if (prevResult === undefined) return;
    const wish = wishOf(context, settings, prevResult);
    if (wish.addresses.length > 0) backendFor(context, settings).allow(wish);
  },
});

/** What goes from port to port of a bridge is no business of the packet filter unless somebody made it so. */
function warnUnfiltered({ log }: Context<FirewallConfig>, bridge: string): void {
  const isFiltered = ifPresent(() => readSysctl("net/bridge/bridge-nf-call-iptables")) === "1";
  if (isFiltered) return;
  log(`net.bridge.bridge-nf-call-iptables is not 1: containers on ${bridge} can reach each other`);
}

/** A result that cannot be read must not keep DEL from removing what it finds by the attachment's name. */
function givenAddresses({ prevResult, log }: Context<FirewallConfig>) {
  try {
    return addressesOf(prevResult ?? {});
  } catch (error) {
    log(`prevResult is not looked at: ${toCniError(error).message}`);
    return [];
  }
}
