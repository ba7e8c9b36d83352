/** Which rules publish a container's ports: the reference's tables and chains, and in them one or two rules per family. */

import { type Family, families, parseAddress } from "../../pkg/ip/address.ts";
import { hostPrefix, type Prefix } from "../../pkg/ip/prefix.ts";
import type { Request } from "../../pkg/netlink/message.ts";
import {
  addMissingChain,
  type BaseChain,
  Hook,
  type ListedChain,
  Priority,
} from "../../pkg/nftables/chain.ts";
import { ConnectionKey, ConnectionStatus } from "../../pkg/nftables/expression/ct.ts";
import { decide, enter } from "../../pkg/nftables/expression/immediate.ts";
import { masquerade } from "../../pkg/nftables/expression/masq.ts";
import type { Expression } from "../../pkg/nftables/expression.ts";
import { fillChain } from "../../pkg/nftables/fill.ts";
import {
  matchAddress,
  matchConnection,
  matchLocal,
  matchLoopback,
} from "../../pkg/nftables/match.ts";
import type { ChainKey, TableKey } from "../../pkg/nftables/message.ts";
import { appendRule, insertRule, type NewRule, type Rule } from "../../pkg/nftables/rule.ts";
import { addTable } from "../../pkg/nftables/table.ts";
import { parseConditions } from "./conditions.ts";
import type { PortmapConfig } from "./config.ts";
import { concerns, type Publication, type Targets } from "./mapping.ts";
import { mapExpressions, mapRequests } from "./port-map.ts";

/** The reference's table for a family. */
export function tableOf(family: Family): TableKey {
  return { family: `ipv${family}`, table: "cni_hostport" };
}

/** A chain of it. */
export function chainOf(family: Family, chain: string): ChainKey {
  return { ...tableOf(family), chain };
}

/** The chains that hold rules of containers; the second only old ones of the reference. */
export const containerChains: readonly string[] = ["hostports", "hostip_hostports", "masquerading"];

/** By which chains packets come to those: from outside and containers, and from the host itself. */
const entries = ["late_prerouting", "late_output"] as const;

const nat = (hook: number, priority: number): BaseChain => ({ type: "nat", hook, priority });

/** Behind the others: who translates at the usual place, as kube-proxy does for its services, is asked first. */
const behind = Priority.destinationNat + 1;

/**
 * The part that all containers share, mended where it is not as it should be: `present` is what the table holds. The way
 * in has a place and a name of its own beside the reference's, which comes too early (CVE-2019-9946), and holds
 * no conditions: those of one network would be in force for all.
 */
export function sharedRequests(
  family: Family,
  { snat }: PortmapConfig,
  present: readonly Rule[],
  listed: readonly ListedChain[],
): Request[] {
  const add = (name: string, base?: BaseChain) =>
    addMissingChain(listed, chainOf(family, name), base);
  const { family: tableFamily, table } = tableOf(family);
  const isThere = listed.some((it) => it.family === tableFamily && it.table === table);
  return [
    ...(isThere ? [] : [addTable(tableOf(family), "CNI portmap plugin")]),
    ...add("hostports"),
    ...add("late_prerouting", nat(Hook.preRouting, behind)),
    ...add("late_output", nat(Hook.output, behind)),
    ...entryRules(family).flatMap(([entry, rule]) => fillChain(entry, [rule], present)),
    ...(snat ? add("masquerading", nat(Hook.postRouting, Priority.sourceNat)) : []),
    ...(snat && family === 4 ? guardRequests(present, listed) : []),
  ];
}

/**
 * Where route_localnet is on, neighbours could reach what listens on 127.0.0.1 only (CVE-2020-8558): what comes
 * from outside with such an address is dropped before anything translates it.
 */
function guardRequests(present: readonly Rule[], listed: readonly ListedChain[]): Request[] {
  const chain = chainOf(4, "localnet_guard");
  const base = { type: "filter", hook: Hook.preRouting, priority: Priority.raw } as const;
  return [...addMissingChain(listed, chain, base), ...fillChain(chain, guardRules(), present)];
}

function guardRules(): Expression[][] {
  return [
    [...matchLoopback(true), ...matchAddress("destination", loopback), decide("drop")],
    [...matchLoopback(true), ...matchAddress("source", loopback), decide("drop")],
  ];
}

const loopback = { ...hostPrefix(mustParse("127.0.0.0")), length: 8 };

function mustParse(text: string) {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`invalid IP address: ${text}`);
  return address;
}

/** The chains that lead to containers, and the rule that each must have. */
export function entryRules(family: Family): [ChainKey, Expression[]][] {
  const rule = [...matchLocal(), enter("jump", "hostports")];
  return entries.map((name) => [chainOf(family, name), rule]);
}

/** A rule of a container's own. */
export interface PlannedRule {
  readonly chain: ChainKey;
  readonly expressions: readonly Expression[];
  /** What its map holds, if it has one. */
  readonly ports?: readonly Publication[];
  readonly target: Prefix;
  readonly mapId: number;
}

/** The container's own rules, of both families. */
export function planRules(
  config: PortmapConfig,
  list: readonly Publication[],
  targets: Targets,
): PlannedRule[] {
  const plan: PlannedRule[] = [];
  for (const family of families) {
    const target = targets[family];
    const conditions = parseConditions(family, config[`conditionsV${family}`]);
    if (target === undefined) continue;
    const own = list.filter((publication) => concerns(publication, family));
    for (const isPerAddress of [false, true]) {
      const ports = own.filter(({ hostIP }) => (hostIP !== undefined) === isPerAddress);
      if (ports.length === 0) continue;
      const mapId = plan.length + 1;
      const expressions = [...conditions, ...mapExpressions(family, mapId, isPerAddress)];
      plan.push({ chain: chainOf(family, "hostports"), expressions, ports, target, mapId });
    }
    if (!config.snat || own.length === 0) continue;
    for (const expressions of sourceRules(config, target)) {
      plan.push({ chain: chainOf(family, "masquerading"), expressions, target, mapId: 0 });
    }
  }
  return plan;
}

/** Answers must come back this way: so must those of the container itself, of its neighbours and of 127.0.0.1. */
function sourceRules({ masqAll }: PortmapConfig, target: Prefix): Expression[][] {
  const toTarget = [
    ...matchAddress("destination", hostPrefix(target.address)),
    ...matchConnection(ConnectionKey.status, ConnectionStatus.destinationNat),
    masquerade(),
  ];
  if (masqAll) return [toTarget];
  const near = [...matchAddress("source", target), ...toTarget];
  return target.address.family === 6
    ? [near]
    : [near, [...matchAddress("source", loopback), ...toTarget]];
}

/** The requests that make a planned rule. One for a certain host address goes before those for all. */
export function ruleRequests(
  { chain, expressions, ports, target, mapId }: PlannedRule,
  notes: Pick<NewRule, "comment" | "owner">,
): Request[] {
  const rule = { expressions, ...notes };
  if (ports === undefined) return [appendRule(chain, rule)];
  const isPerAddress = ports[0]?.hostIP !== undefined;
  return [
    ...mapRequests(chain, mapId, ports, target.address),
    isPerAddress ? insertRule(chain, rule) : appendRule(chain, rule),
  ];
}
