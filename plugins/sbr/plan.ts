/** Which tables, rules and routes an interface gets: decided from what is there, before anything is changed. */

import { type Address, sameAddress } from "../../pkg/ip/address.ts";
import { contains, defaultPrefix, hostPrefix, network } from "../../pkg/ip/prefix.ts";
import { asWanted, freeTable, linksFirst } from "../../pkg/link/routing.ts";
import { type Route, RouteScope } from "../../pkg/netlink/rtnetlink/route.ts";
import { type Rule, RuleAction } from "../../pkg/netlink/rtnetlink/rule.ts";
import type { Source } from "./config.ts";

/** The reference's first candidate. */
const firstTable = 100;

/** An address with the table that decides about what it sends. */
export interface Assigned extends Source {
  readonly table: number;
}

/** What is to be added and removed. */
export interface Plan {
  readonly rules: readonly Rule[];
  /** Into the tables of our own, links before gateways. */
  readonly routes: readonly Route[];
  /** What the main table has of them before. */
  readonly originals: readonly Route[];
  /** Those that it loses. */
  readonly moved: readonly Route[];
  /** For the main table, with a source. */
  readonly hints: readonly Route[];
}

/**
 * A table for the interface, of which no rule and no route speaks yet. A further one is needed only where
 * two addresses of one family leave by different gateways.
 */
export function assignTables(sources: readonly Source[], used: ReadonlySet<number>): Assigned[] {
  const assigned: Assigned[] = [];
  const ours: number[] = [];
  for (const source of sources) {
    const conflicts = (table: number) =>
      assigned.some((it) => it.table === table && !sharesTable(it, source));
    let table = ours.find((it) => !conflicts(it));
    if (table === undefined) {
      table = freeTable(used, (ours.at(-1) ?? firstTable - 1) + 1);
      ours.push(table);
    }
    assigned.push({ ...source, table });
  }
  return assigned;
}

function sharesTable(a: Source, b: Source): boolean {
  if (a.prefix.address.family !== b.prefix.address.family) return true;
  if (a.gateway === undefined || b.gateway === undefined) return a.gateway === b.gateway;
  return sameAddress(a.gateway, b.gateway);
}

/** The rule that sends what comes from an address to a table. */
export function ruleFor(address: Address, table: number, priority: number | undefined): Rule {
  return { family: address.family, from: hostPrefix(address), table, priority };
}

/** Whether the kernel's rule is that one; a priority counts where it was asked for. */
export function isRule(rule: Rule, wanted: Rule): boolean {
  const { from } = rule;
  return (
    rule.table === wanted.table &&
    (wanted.priority === undefined || rule.priority === wanted.priority) &&
    isFrom(rule, wanted.from?.address) &&
    from?.length === wanted.from?.length
  );
}

/** Whether the rule looks up in a table what comes from exactly this address, and asks for nothing else. */
export function isFrom(rule: Rule, address: Address | undefined): boolean {
  const { from, to, inLink, outLink, mark, invert, action } = rule;
  if (from === undefined || address === undefined || action !== RuleAction.toTable) return false;
  const asksMore = to || inLink !== undefined || outLink !== undefined || mark || invert;
  return (
    !asksMore && from.length === hostPrefix(address).length && sameAddress(from.address, address)
  );
}

/** The plan for an interface. `routes` are those of the main table. */
export function planFor(
  index: number,
  assigned: readonly Assigned[],
  routes: readonly Route[],
  { addSourceHints, rulePriority }: { addSourceHints: boolean; rulePriority?: number },
): Plan {
  const moved = new Set<Route>();
  const copies: Route[] = [];
  const defaults: Route[] = [];
  for (const source of assigned) {
    const { prefix, gateway, table } = source;
    for (const route of routes) {
      if (!belongs(route, source)) continue;
      moved.add(route);
      const copy = { ...asWanted(route), table };
      const isDefault = route.destination.length === 0;
      if (!isDefault || gateway === undefined) copies.push(copy);
    }
    const destination = defaultPrefix(prefix.address.family);
    if (gateway !== undefined) defaults.push({ destination, gateway, table, index });
  }
  const hints = assigned.map(({ prefix }) => ({
    destination: network(prefix),
    index,
    scope: RouteScope.link,
    source: prefix.address,
  }));
  const goes = (route: Route) => !addSourceHints || route.scope !== RouteScope.link;
  return {
    rules: assigned.map(({ prefix, table }) => ruleFor(prefix.address, table, rulePriority)),
    routes: [...linksFirst(copies), ...defaults],
    originals: [...moved],
    moved: [...moved].filter(goes),
    hints: addSourceHints ? hints : [],
  };
}

/**
 * Whether a route is for what this address sends: it says so by its source or its gateway, or is for all. What is on
 * the link itself under IPv6 no rule of ours is about.
 */
function belongs({ destination, source, gateway }: Route, { prefix }: Source): boolean {
  const { address, length } = destination;
  if (address.family !== prefix.address.family) return false;
  if (address.family === 6 && length >= 10 && address.value >> 118n === linkLocal) return false;
  const at = [source, gateway].filter((it) => it !== undefined);
  return at.length === 0 || at.some((it) => contains(prefix, it));
}

/** The ten bits that fe80::/10 has in common. */
const linkLocal = 0xfe80n >> 6n;
