/**
 * Masquerading by iptables: the reference's chain for each container, entered from POSTROUTING by its addresses. It does
 * not tell interfaces of one network apart.
 */

import type { Family } from "../ip/address.ts";
import { hostPrefix, type Prefix, parsePrefix } from "../ip/prefix.ts";
import { type Programs, readTable, updateTable } from "../iptables/program.ts";
import type { Rule } from "../iptables/rule.ts";
import { ensureRule, fillChain, hasRule, removeChainFrom } from "../iptables/table.ts";
import type { Attachment } from "../link/attachment.ts";
import {
  containerChain,
  containerComment,
  type StaleTest,
  staleChains,
  staleTest,
} from "./container-chain.ts";

const entry = "POSTROUTING";
const prefix = "CNI-";

const multicast: Readonly<Record<Family, string>> = { 4: "224.0.0.0/4", 6: "ff00::/8" };

/** The chain of a container's rules. */
export function masqueradeChain({ network, containerId }: Omit<Attachment, "ifName">): string {
  return containerChain(prefix, network, containerId);
}

interface Plan {
  readonly chain: string;
  readonly own: readonly Rule[];
  readonly entry: readonly Rule[];
}

/** The container's own networks are spoken to as they are, and so is multicast; the rest sees the host's address. */
function planFor(owner: Attachment, family: Family, addresses: readonly Prefix[]): Plan {
  const chain = masqueradeChain(owner);
  const matches = [containerComment("", owner)];
  const outside = parsePrefix(multicast[family]);
  return {
    chain,
    own: [
      ...addresses.map((destination) => ({ destination, matches, target: ["ACCEPT"] })),
      ...(outside === undefined
        ? []
        : [{ destination: { not: outside }, matches, target: ["MASQUERADE"] }]),
    ],
    entry: addresses.map(({ address }) => ({
      source: hostPrefix(address),
      matches,
      target: [chain],
    })),
  };
}

/** Masquerades what leaves the addresses, all of the programs' family, for outside their networks. */
export function addRules(
  programs: Programs,
  owner: Attachment,
  addresses: readonly Prefix[],
): void {
  const plan = planFor(owner, programs.family, addresses);
  updateTable(programs, "nat", (table) => [
    ...fillChain(table, plan.chain, plan.own),
    ...plan.entry.flatMap((rule) => ensureRule(table, entry, rule)),
  ]);
}

/** Throws where a rule is missing. */
export function checkRules(
  programs: Programs,
  owner: Attachment,
  addresses: readonly Prefix[],
): void {
  const { chain, own, entry: ways } = planFor(owner, programs.family, addresses);
  const table = readTable(programs, "nat");
  const isWhole =
    own.every((rule) => hasRule(table, chain, rule)) &&
    ways.every((rule) => hasRule(table, entry, rule));
  if (!isWhole) {
    throw new Error(`masquerade rules in chain "${chain}" of IPv${programs.family} are missing`);
  }
}

/** Removes the container's rules, whichever suite made them. */
export function removeRulesOf(programs: Programs, owner: Omit<Attachment, "ifName">): void {
  const chain = masqueradeChain(owner);
  updateTable(programs, "nat", (table) => removeChainFrom(table, entry, chain));
}

/** Where rules lead to containers' chains. */
export const place = ["nat", entry] as const;

/** Which of them belong to none of these attachments of the network. */
export function staleRules(
  network: string,
  valid: readonly { readonly containerID: string }[],
): StaleTest {
  return staleTest({ prefix, before: "" }, network, valid);
}

/** Removes the rules that are stale. */
export function collectRules(programs: Programs, isStale: StaleTest): void {
  updateTable(programs, "nat", (table) =>
    staleChains(table, entry, isStale).flatMap((chain) => removeChainFrom(table, entry, chain)),
  );
}
