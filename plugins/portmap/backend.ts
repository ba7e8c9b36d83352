/** By which backend ports are published, and how they are withdrawn from both. */

import { CniError, ErrorCode } from "../../pkg/cni/error.ts";
import { findFilter, openFilter } from "../../pkg/filter/backend.ts";
import { leadsToStale } from "../../pkg/filter/container-chain.ts";
import {
  hasIptables,
  hasNftChain,
  whereIptablesHas,
  withIptables,
} from "../../pkg/filter/iptables.ts";
import { ownersOf } from "../../pkg/filter/owner.ts";
import type { Family } from "../../pkg/ip/address.ts";
import type { Context } from "../../pkg/skel/context.ts";
import { type BackendName, backendFor, type PortmapConfig, requireWords } from "./config.ts";
import * as iptables from "./iptables.ts";
import { Chain, ownChain } from "./iptables-rules.ts";
import type { Forward, Publication, Targets } from "./mapping.ts";
import * as nftables from "./nftables.ts";

type Call = Context<PortmapConfig>;

/** What is to be published, and where it leads. */
export type Wanted = readonly [readonly Publication[], Targets];

const purpose = "cannot publish ports";

/** Without this chain iptables publishes nothing. */
const place = ["nat", Chain.entry] as const;

/** What the configuration asks for; else nf_tables, and iptables where the kernel has none. */
function chosenFor(context: Call): BackendName {
  const { config, host } = context;
  const asked = backendFor(config);
  if (asked !== undefined) return asked;
  const chosen = findFilter(host) === undefined && hasIptables(context) ? "iptables" : "nftables";
  requireWords(chosen, config);
  return chosen;
}

/** Publishes in place of what was published; in case of failure nothing is left. */
export function publish(context: Call, wanted: Wanted): void {
  const { config, host, undo } = context;
  if (chosenFor(context) === "iptables") {
    undo.push(() => withdrawFromIptables(context));
    withIptables(context, iptables.familiesOf(wanted), purpose, (programs) =>
      iptables.publish(programs, context, config, wanted),
    );
    return;
  }
  const socket = openFilter(host, purpose);
  undo.push(() => nftables.retract(socket, context));
  nftables.publish(socket, context, config, wanted);
}

/** Throws where something is missing. */
export function verify(context: Call, wanted: Wanted): void {
  const { config, host } = context;
  if (chosenFor(context) === "iptables") {
    withIptables(context, iptables.familiesOf(wanted), purpose, (programs) =>
      iptables.verify(programs, context, config, wanted),
    );
    return;
  }
  nftables.verify(openFilter(host, purpose), context, config, wanted);
}

/**
 * Withdraws the attachment's ports from wherever they are: what decided where they went may have changed since. Tells
 * where they led.
 */
export function withdraw(context: Context<unknown>): Forward[] {
  const { attempt, host } = context;
  const forwards: Forward[] = [];
  attempt(() => {
    const socket = findFilter(host);
    if (socket !== undefined) forwards.push(...nftables.unpublish(socket, context));
  });
  attempt(() => forwards.push(...withdrawFromIptables(context)));
  return forwards;
}

function withdrawFromIptables(context: Context<unknown>): Forward[] {
  const forwards: Forward[] = [];
  const own = ownChain(context.network, context.containerId);
  const isLeft = (family: Family) => hasNftChain(context.host, family, ["nat", own]);
  whereIptablesHas(context, { place, isLeft }, (programs) => {
    forwards.push(...iptables.unpublish(programs, context));
  });
  return forwards;
}

/** Withdraws the ports of attachments that are not valid any more; tells where they led. */
export function collect(context: Context<unknown>): Forward[] {
  const { attempt, host, network, validAttachments } = context;
  const forwards: Forward[] = [];
  attempt(() => {
    const socket = findFilter(host);
    if (socket === undefined) return;
    const valid = ownersOf(network, validAttachments);
    forwards.push(...nftables.collect(socket, network, valid));
  });
  const isStale = iptables.staleRules(network, validAttachments);
  const isLeft = leadsToStale(host, place, isStale);
  attempt(() =>
    whereIptablesHas(context, { place, isLeft }, (programs) => {
      forwards.push(...iptables.collect(programs, isStale));
    }),
  );
  return forwards;
}

/** Throws code 50 where the backend cannot work. */
export function requireBackend(context: Call): void {
  if (chosenFor(context) === "iptables") {
    if (hasIptables(context)) return;
    throw new CniError(ErrorCode.notAvailable, `${purpose}: this host has no iptables`);
  }
  if (findFilter(context.host) !== undefined) return;
  throw new CniError(ErrorCode.notAvailable, `${purpose}: this kernel has no nf_tables`);
}
