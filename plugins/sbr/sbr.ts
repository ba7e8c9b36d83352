/** Source based routing: what an address of the interface sends leaves by this interface, whatever the default route says. */

import { toPrefix } from "../../pkg/cni/addresses.ts";
import { goQuote } from "../../pkg/cni/quote.ts";
import { type Address, formatAddress, sameAddress } from "../../pkg/ip/address.ts";
import { findLink } from "../../pkg/link/find.ts";
import {
  isSystemTable,
  linksFirst,
  putRoutes,
  removeEach,
  restoreRoute,
  singleRoutes,
} from "../../pkg/link/routing.ts";
import { dumpAddresses } from "../../pkg/netlink/rtnetlink/address.ts";
import type { Link } from "../../pkg/netlink/rtnetlink/link.ts";
import {
  deleteRoute,
  dumpRoutes,
  type Route,
  type RouteFilter,
  RouteTable,
  replaceRoute,
} from "../../pkg/netlink/rtnetlink/route.ts";
import {
  deleteRule,
  dumpRules,
  dumpRuleTables,
  newRule,
  type Rule,
} from "../../pkg/netlink/rtnetlink/rule.ts";
import type { Namespace } from "../../pkg/ns/namespace.ts";
import type { Context } from "../../pkg/skel/context.ts";
import { definePlugin } from "../../pkg/skel/plugin.ts";
import {
  ownIps,
  type SbrConfig,
  type Source,
  sbrEntries,
  sourcesOf,
  staticGateways,
} from "./config.ts";
import { type Assigned, assignTables, isFrom, isRule, planFor, ruleFor } from "./plan.ts";

type Call = Context<SbrConfig>;

/** The choice of a table and its use must not be another's too; the reference's plugin takes this lock as well. */
const patience = { timeoutMs: 30_000 };

const chained = "This plugin must be called as chained plugin";

export const sbr = definePlugin({
  name: "sbr",
  config: sbrEntries,

  add(context) {
    const { config, container, prevResult, ifName, cancelFd } = context;
    staticGateways(config);
    if (prevResult === undefined) throw new Error(chained);
    const sources = sourcesOf(config, prevResult, ifName);
    container.exclusively({ ...patience, cancelFd }, () => {
      const { index } = requireLink(context);
      const { table } = config;
      if (table !== undefined) {
        addRules(
          context,
          sources.map(({ prefix }) => ruleFor(prefix.address, table, config.rulePriority)),
        );
        return;
      }
      const used = new Set(container.socket.dump(dumpRuleTables()));
      const main = readRoutes(container, { table: RouteTable.main, index });
      const known = sources.map((source) => ({
        ...source,
        gateway: source.gateway ?? presentGateway(main, source.prefix.address),
      }));
      carryOut(context, planFor(index, assignFree(container, known, used), main, config));
    });
    return prevResult;
  },

  check(context) {
    const { config, container, prevResult, ifName } = context;
    if (prevResult === undefined) throw new Error(chained);
    const sources = sourcesOf(config, prevResult, ifName);
    const { index } = requireLink(context);
    const rules = readRules(container);
    const routes = readRoutes(container, { index });
    const missing: string[] = [];
    for (const { prefix, gateway } of sources) {
      const { address } = prefix;
      const found = rules.find((rule) => isOurs(rule, config) && isFrom(rule, address));
      const text = formatAddress(address);
      if (found === undefined) missing.push(`no rule for what comes from ${text}`);
      else if (config.table === undefined && gateway && !hasDefault(routes, found, gateway)) {
        const to = `default route via ${formatAddress(gateway)}`;
        missing.push(`no ${to} in table ${found.table}, which decides for ${text}`);
      }
    }
    if (missing.length > 0) throw new Error(`interface ${ifName}: ${missing.join("; ")}`);
  },

  del(context) {
    const { attempt } = context;
    // Rules and routes go with their namespace.
    const container = context.findContainer();
    if (container === undefined) return;
    attempt(() => container.exclusively(patience, () => removeAll(context, container)));
  },

  status({ config }) {
    staticGateways(config);
  },
});

function requireLink({ container, ifName }: Call): Link {
  const link = findLink(container, { name: ifName });
  if (link === undefined) throw new Error(`cannot find network interface ${goQuote(ifName)}`);
  return link;
}

function readRules(container: Namespace): Rule[] {
  return container.socket.dump(dumpRules());
}

function readRoutes(container: Namespace, filter: RouteFilter): Route[] {
  const found = container.socket.dump(dumpRoutes(filter));
  return found.flatMap((it) => singleRoutes(it, filter.index));
}

/** Tables that no rule uses, and that have no routes either: to ask for one's is less than to read all. */
function assignFree(
  container: Namespace,
  sources: readonly Source[],
  used: Set<number>,
): Assigned[] {
  for (;;) {
    const assigned = assignTables(sources, used);
    const tables = [...new Set(assigned.map(({ table }) => table))];
    const taken = tables.filter((table) => readRoutes(container, { table }).length > 0);
    if (taken.length === 0) return assigned;
    for (const table of taken) used.add(table);
  }
}

/** Whether a rule is one that this configuration may have made. */
function isOurs({ table = 0, priority }: Rule, config: SbrConfig): boolean {
  if (config.rulePriority !== undefined && priority !== config.rulePriority) return false;
  return config.table === undefined ? !isSystemTable(table) : table === config.table;
}

function presentGateway(routes: readonly Route[], { family }: Address): Address | undefined {
  const isDefault = ({ destination: { address, length }, gateway }: Route) =>
    length === 0 && address.family === family && gateway !== undefined;
  return routes.find(isDefault)?.gateway;
}

function hasDefault(routes: readonly Route[], { table }: Rule, gateway: Address): boolean {
  return routes.some(
    (it) =>
      it.table === table &&
      it.destination.length === 0 &&
      it.gateway !== undefined &&
      sameAddress(it.gateway, gateway),
  );
}

/** Adds the rules that are not there yet. */
function addRules({ container, undo }: Call, wanted: readonly Rule[]): void {
  const present = readRules(container);
  const missing = wanted.filter((rule) => !present.some((it) => isRule(it, rule)));
  undo.push(() => removeEach(container, missing.map(deleteRule)));
  container.send(...missing.map(newRule));
}

/**
 * Rules come first and go last: by them DEL finds the tables. One that leads to an empty table does no harm, as the
 * kernel goes on with the next.
 */
function carryOut({ container, undo }: Call, plan: ReturnType<typeof planFor>): void {
  const { rules, routes, originals, moved, hints } = plan;
  undo.push(() => {
    for (const route of linksFirst(originals)) restoreRoute(container, route);
  });
  undo.push(() => removeEach(container, rules.map(deleteRule)));
  undo.push(() => removeEach(container, [...routes, ...hints].reverse().map(deleteRoute)));
  container.send(
    ...rules.map(newRule),
    ...putRoutes(routes),
    // Before the hints, which could take an original's place.
    ...[...linksFirst(moved)].reverse().map(deleteRoute),
    ...hints.map(replaceRoute),
  );
}

/** The rules of the interface's addresses, present and told, and what it has in the tables they lead to. */
function removeAll({ config, prevResult, ifName }: Call, container: Namespace): void {
  const link = findLink(container, { name: ifName });
  const addresses = link === undefined ? [] : addressesOf(container, link);
  if (prevResult !== undefined) {
    for (const ip of ownIps(prevResult, ifName)) addresses.push(toPrefix(ip.address).address);
  }
  const ours = readRules(container).filter(
    (rule) => isOurs(rule, config) && addresses.some((address) => isFrom(rule, address)),
  );
  const tables = new Set(config.table === undefined ? ours.map((it) => it.table) : []);
  if (link !== undefined && tables.size > 0) {
    const { index } = link;
    const routes = readRoutes(container, { index }).filter(({ table }) => tables.has(table));
    // Before the rules: by them a further DEL finds the tables.
    removeEach(container, linksFirst(routes).reverse().map(deleteRoute));
  }
  removeEach(container, ours.map(deleteRule));
}

function addressesOf(container: Namespace, { index }: Link): Address[] {
  return container.socket.dump(dumpAddresses({ index })).map(({ prefix }) => prefix.address);
}
