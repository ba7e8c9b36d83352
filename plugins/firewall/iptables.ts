/** The iptables backend: one look at table "filter" and one change of it. */

import { type Prefix, parsePrefix } from "../../pkg/ip/prefix.ts";
import type { Rule } from "../../pkg/iptables/rule.ts";
import {
  ensureChain,
  ensureRule,
  hasRule,
  removeChain,
  removeRule,
  type Step,
  type Table,
} from "../../pkg/iptables/table.ts";
import { changeFilter, readFilters, type Way } from "../../pkg/iptables/way.ts";
import type { Policy } from "./config.ts";
import {
  acceptedIn,
  acceptRules,
  back,
  Chain,
  entering,
  leaving,
  type OwnerRecord,
  recordRules,
  recordsIn,
  textOf,
  toAdmin,
  toForward,
  toStage1,
  within,
} from "./iptables-rules.ts";
import { ofFamily, type Wish } from "./wish.ts";

/** Lets the addresses of the ways' families through, in place of what the owner had; none, no change. */
export function allow(ways: readonly Way[], wish: Wish): void {
  changeFilter(ways, (table, family) => {
    const addresses = ofFamily(wish.addresses, family);
    if (addresses.length === 0) return [];
    return [
      ...(wish.accept ? acceptSteps(table, wish, addresses) : []),
      ...recordSteps(table, wish, addresses),
      ...(wish.bridge === undefined ? [] : policySteps(table, wish.bridge, wish)),
    ];
  });
}

function acceptSteps(table: Table, { adminChain }: Wish, addresses: readonly Prefix[]): Step[] {
  return [
    ...ensureChain(table, Chain.forward),
    ...ensureChain(table, adminChain),
    ...ensureRule(table, Chain.entry, toForward, "first"),
    ...ensureRule(table, Chain.forward, toAdmin(adminChain), "first"),
    ...addresses.flatMap(acceptRules).flatMap((rule) => ensureRule(table, Chain.forward, rule)),
  ];
}

/** What the owner had before and has no more goes: a namesake that was killed may have left it. */
function recordSteps(table: Table, wish: Wish, addresses: readonly Prefix[]): Step[] {
  const wanted = addresses.map(textOf);
  const stale = recordsIn(table, wish.owner).filter(
    ({ owner, address, policy, bridge }) =>
      owner === wish.owner &&
      !(wanted.includes(address) && policy === wish.policy && bridge === wish.bridge),
  );
  const others = (record: OwnerRecord) => record.owner !== wish.owner;
  const unwanted = stale
    .map(({ address }) => address)
    .filter((text) => !wanted.includes(text) && !isHeld(table, text, others));
  return [
    ...ensureChain(table, Chain.owners),
    ...stale.map(removeRecord),
    ...unwanted.flatMap((text) => acceptRemoval(table, text)),
    ...recordRules(wish, addresses).flatMap((rule) => ensureRule(table, Chain.owners, rule)),
  ];
}

function removeRecord({ words }: OwnerRecord): Step {
  return ["-D", Chain.owners, ...words];
}

/** Whether an address has a record among those that count. */
function isHeld(table: Table, text: string, counts: (record: OwnerRecord) => boolean): boolean {
  return recordsIn(table, text).some((record) => record.address === text && counts(record));
}

function acceptRemoval(table: Table, text: string): Step[] {
  const address = parsePrefix(text);
  if (address === undefined) return [];
  return acceptRules(address).flatMap((rule) => removeRule(table, Chain.forward, rule));
}

/** The reference's steps, each at its place. A bridge that is not isolated any more is freed of that. */
function policySteps(table: Table, bridge: string, { policy, owner }: Wish): Step[] {
  const isIsolated =
    policy === "isolated" ||
    recordsIn(table, ` ${"isolated" satisfies Policy}`).some(
      (record) =>
        record.owner !== owner && record.bridge === bridge && record.policy === "isolated",
    );
  return [
    ...ensureChain(table, Chain.stage1),
    ...ensureChain(table, Chain.stage2),
    ...ensureRule(table, Chain.entry, toStage1, "first"),
    ...ensureRule(table, Chain.stage1, leaving(bridge, policy), "first"),
    ...(policy === "isolated" ? ensureRule(table, Chain.stage1, within(bridge), "first") : []),
    ...(isIsolated ? [] : removeRule(table, Chain.stage1, within(bridge))),
    ...ensureRule(table, Chain.stage1, back),
    ...ensureRule(table, Chain.stage2, entering(bridge), "first"),
    ...ensureRule(table, Chain.stage2, back),
  ];
}

/** Throws where something is missing; changes nothing. */
export function verify(ways: readonly Way[], wish: Wish): void {
  for (const [family, table] of readFilters(ways)) {
    const addresses = ofFamily(wish.addresses, family);
    if (addresses.length === 0) continue;
    for (const [chain, rule] of wantedRules(wish, addresses)) {
      if (!hasRule(table, chain, rule)) throw missing(table, chain, rule);
    }
  }
}

function missing(table: Table, chain: string, rule: Rule): Error {
  if (!table.hasChain(chain)) return new Error(`expected chain ${chain} not found`);
  const target = rule.target.join(" ");
  return new Error(`expected rule to ${target} in chain ${chain} not found`);
}

function wantedRules(wish: Wish, addresses: readonly Prefix[]): [string, Rule][] {
  const { accept, adminChain, bridge, policy } = wish;
  const wanted: [string, Rule][] = [];
  if (accept) {
    wanted.push([Chain.entry, toForward], [Chain.forward, toAdmin(adminChain)]);
    for (const rule of addresses.flatMap(acceptRules)) wanted.push([Chain.forward, rule]);
  }
  if (bridge === undefined) return wanted;
  wanted.push([Chain.entry, toStage1], [Chain.stage1, leaving(bridge, policy)]);
  if (policy === "isolated") wanted.push([Chain.stage1, within(bridge)]);
  wanted.push([Chain.stage2, entering(bridge)]);
  return wanted;
}

/** What is to go: by its owner, and by addresses, which is how the reference knows its own rules. */
export interface Removal {
  readonly isGone: (owner: string) => boolean;
  /** What the names of all that are gone have in common. */
  readonly part: string;
  readonly addresses?: readonly Prefix[];
}

/**
 * Removes the rules of owners that are gone, and those for the addresses that nobody else has. A bridge loses its policy's
 * rules with the last that has a record, unless there are addresses of which nobody says whose they are: the reference's.
 */
export function forbid(ways: readonly Way[], { isGone, part, addresses = [] }: Removal): void {
  changeFilter(ways, (table, family) => {
    const gone = recordsIn(table, part).filter(({ owner }) => isGone(owner));
    const given = ofFamily(addresses, family).map(textOf);
    const freed = [...new Set([...gone.map(({ address }) => address), ...given])].filter(
      (text) => !isHeld(table, text, ({ owner }) => !isGone(owner)),
    );
    return [
      ...freed.flatMap((text) => acceptRemoval(table, text)),
      ...gone.map(removeRecord),
      ...(gone.length === table.count(Chain.owners) ? removeChain(table, Chain.owners) : []),
      ...freedSteps(table, gone, freed),
    ];
  });
}

function freedSteps(table: Table, gone: readonly OwnerRecord[], freed: readonly string[]): Step[] {
  const bridges = new Set(gone.flatMap(({ bridge }) => (bridge === undefined ? [] : [bridge])));
  if (bridges.size === 0) return [];
  const isGone = new Set(gone.map(({ owner }) => owner));
  const kept = recordsIn(table).filter(({ owner }) => !isGone.has(owner));
  const known = [...kept.map(({ address }) => address), ...freed];
  if (acceptedIn(table).some((text) => !known.includes(text))) return [];
  return [...bridges].flatMap((bridge) => {
    const left = kept.filter((record) => record.bridge === bridge);
    const has = (policy: string) => left.some((record) => record.policy === policy);
    const unwanted: [string, Rule][] = [];
    for (const policy of ["same-bridge", "isolated"] as const) {
      if (!has(policy)) unwanted.push([Chain.stage1, leaving(bridge, policy)]);
    }
    if (!has("isolated")) unwanted.push([Chain.stage1, within(bridge)]);
    if (left.length === 0) unwanted.push([Chain.stage2, entering(bridge)]);
    return unwanted.flatMap(([chain, rule]) => removeRule(table, chain, rule));
  });
}
