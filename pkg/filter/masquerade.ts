/** Lets containers speak to the world with their host's address: `ipMasq`, as the bridge and ptp plugins have it. */

import { CniError, ErrorCode } from "../cni/error.ts";
import { type Family, families } from "../ip/address.ts";
import type { Prefix } from "../ip/prefix.ts";
import type { Programs } from "../iptables/program.ts";
import type { Attachment } from "../link/attachment.ts";
import { findFilter, openFilter } from "./backend.ts";
import { leadsToStale } from "./container-chain.ts";
import {
  hasIptables,
  hasNftChain,
  type IptablesCall,
  whereIptablesHas,
  withIptables,
} from "./iptables.ts";
import * as iptables from "./masquerade-iptables.ts";
import * as nftables from "./masquerade-nftables.ts";
import { ownersOf } from "./owner.ts";

/** Whose rules, and how programs are run for them. */
export type MasqueradeCall = Attachment & IptablesCall;

/** Who masquerades; undefined for nf_tables where the kernel has it. */
export type MasqueradeBackend = "nftables" | "iptables" | undefined;

/** A value of `ipMasqBackend`. Throws code 7 for what is none. */
export function masqueradeBackend(name: string | undefined): MasqueradeBackend {
  if (name === undefined || name === "") return undefined;
  if (name === "nftables" || name === "iptables") return name;
  throw new CniError(ErrorCode.invalidConfig, `unknown ipmasq backend "${name}"`);
}

/** Only where nf_tables is not to be had, and not asked for, the host's programs are looked for. */
function usesIptables(call: IptablesCall, backend: MasqueradeBackend): boolean {
  if (backend !== undefined) return backend === "iptables";
  return findFilter(call.host) === undefined && hasIptables(call);
}

/** Whether ADD could masquerade here. */
export function canMasquerade(call: IptablesCall, backend: MasqueradeBackend): boolean {
  return usesIptables(call, backend) ? hasIptables(call) : findFilter(call.host) !== undefined;
}

/**
 * Masquerades what leaves the container's addresses for outside their networks. Push `removeMasquerade` to the
 * undo list before.
 */
export function addMasquerade(
  call: MasqueradeCall,
  backend: MasqueradeBackend,
  addresses: readonly Prefix[],
): void {
  const purpose = "cannot masquerade";
  if (usesIptables(call, backend)) {
    forEachFamily(call, addresses, purpose, (programs, own) =>
      iptables.addRules(programs, call, own),
    );
  } else {
    nftables.addRules(openFilter(call.host, purpose), call, addresses);
  }
}

/** Throws where the rules are not as ADD made them. */
export function checkMasquerade(
  call: MasqueradeCall,
  backend: MasqueradeBackend,
  addresses: readonly Prefix[],
): void {
  const purpose = "cannot check masquerading";
  if (usesIptables(call, backend)) {
    forEachFamily(call, addresses, purpose, (programs, own) =>
      iptables.checkRules(programs, call, own),
    );
  } else {
    nftables.checkRules(openFilter(call.host, purpose), call, addresses);
  }
}

function forEachFamily(
  call: MasqueradeCall,
  addresses: readonly Prefix[],
  purpose: string,
  work: (programs: Programs, own: readonly Prefix[]) => void,
): void {
  const of = (family: number) => addresses.filter(({ address }) => address.family === family);
  const concerned = families.filter((family) => of(family).length > 0);
  withIptables(call, concerned, purpose, (programs) => work(programs, of(programs.family)));
}

/**
 * Removes what ADD made, by the attachment's names alone, from wherever it may be: what decided where it went may have
 * changed since. Nothing being there is no failure.
 */
export function removeMasquerade(call: MasqueradeCall): void {
  const socket = findFilter(call.host);
  if (socket !== undefined) nftables.removeRules(socket, call);
  const chain = iptables.masqueradeChain(call);
  const place = ["nat", chain] as const;
  const isLeft = (family: Family) => hasNftChain(call.host, family, place);
  whereIptablesHas(call, { place, isLeft }, (programs) => iptables.removeRulesOf(programs, call));
}

/** GC: removes the rules of the network's attachments that are not in the list. */
export function collectMasquerade(
  call: IptablesCall & Pick<Attachment, "network">,
  valid: readonly { readonly containerID: string; readonly ifname: string }[],
): void {
  const { host, network } = call;
  const socket = findFilter(host);
  if (socket !== undefined) nftables.collectRules(socket, network, ownersOf(network, valid));
  const { place } = iptables;
  const isStale = iptables.staleRules(network, valid);
  const isLeft = leadsToStale(host, place, isStale);
  whereIptablesHas(call, { place, isLeft }, (programs) => iptables.collectRules(programs, isStale));
}
