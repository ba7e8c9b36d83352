/**
 * Where the nftables backend lets packets pass. An accept ends one chain and not those of other tables: what a host's own
 * chain drops for want of a rule must be accepted in that chain. So there is one place in our own table, for all, and one
 * in each such chain of the host.
 */

import type { Family } from "../../pkg/ip/address.ts";
import type { Prefix } from "../../pkg/ip/prefix.ts";
import {
  type BaseChain,
  Hook,
  type ListedChain,
  Policy,
  Priority,
} from "../../pkg/nftables/chain.ts";
import { count } from "../../pkg/nftables/expression/counter.ts";
import { ConnectionKey, ConnectionState } from "../../pkg/nftables/expression/ct.ts";
import { decide, enter } from "../../pkg/nftables/expression/immediate.ts";
import { matchConnectionState } from "../../pkg/nftables/expression/match.ts";
import type { Expression } from "../../pkg/nftables/expression.ts";
import { matchAddress, matchConnection, matchFamily } from "../../pkg/nftables/match.ts";
import type { ChainKey } from "../../pkg/nftables/message.ts";
import { Chain as IptablesChain } from "./iptables-rules.ts";

/** Our table. */
export const table = { family: "inet", table: "cni_firewall" } as const;
export const tableComment = "CNI firewall plugin";

/** Its chains. */
export const Own = {
  forward: { ...table, chain: "forward" },
  admin: { ...table, chain: "admin" },
  containers: { ...table, chain: "containers" },
  stage1: { ...table, chain: "isolation_stage_1" },
  stage2: { ...table, chain: "isolation_stage_2" },
} as const;

export const ownBase: BaseChain = {
  type: "filter",
  hook: Hook.forward,
  priority: Priority.filter,
};

/** The chains with containers' rules, in tables of the host: the second where iptables made the table. */
const hostChains = ["cni_forward", IptablesChain.forward] as const;
const hostAdminChain = "cni_admin";

/** A chain through which packets come to containers' rules. */
export interface Place {
  /** Where the rules are. */
  readonly containers: ChainKey;
  /** What comes before them, for the administrator to fill. */
  readonly admin: ChainKey;
  /** The host's chain that leads there; our own needs none here. */
  readonly entry?: ChainKey;
  /** Whether `iptables` must be able to read the rules. */
  readonly forIptables: boolean;
}

export const ownPlace: Place = {
  containers: Own.containers,
  admin: Own.admin,
  forIptables: false,
};

/** The places in the host's tables: chains for forwarded packets that drop what no rule accepts. */
export function hostPlaces(chains: readonly ListedChain[], adminChain: string): Place[] {
  return chains.filter(isDropping).map(({ family, table: name, chain }) => {
    const forIptables = family !== "inet" && name === "filter" && chain === IptablesChain.entry;
    const inTable = (other: string) => ({ family, table: name, chain: other });
    return {
      containers: inTable(hostChains[forIptables ? 1 : 0]),
      admin: inTable(forIptables ? adminChain : hostAdminChain),
      entry: inTable(chain),
      forIptables,
    };
  });
}

function isDropping({ family, table: name, base }: ListedChain): boolean {
  return (
    family !== "bridge" &&
    name !== table.table &&
    base?.type === "filter" &&
    base.hook === Hook.forward &&
    base.policy === Policy.drop
  );
}

/** The chains that may hold rules of containers, whatever the host's chains do by now. */
export function containerChains(chains: readonly ListedChain[]): ChainKey[] {
  return chains.filter(
    ({ table: name, chain }) =>
      (name === table.table && chain === Own.containers.chain) ||
      hostChains.some((known) => known === chain),
  );
}

/** Whether packets of a family come to a place. */
export function concerns({ containers }: Place, family: Family): boolean {
  return containers.family === "inet" || containers.family === `ipv${family}`;
}

const answers = ConnectionState.established | ConnectionState.related;

/** What an address sends passes, and what answers it. */
export function acceptRules({ containers, forIptables }: Place, address: Prefix): Expression[][] {
  const { family } = address.address;
  const of = (side: "source" | "destination") => [
    ...(containers.family === "inet" ? matchFamily(family) : []),
    ...matchAddress(side, address),
  ];
  if (forIptables) {
    return [
      [...of("destination"), matchConnectionState(answers), count(), decide("accept")],
      [...of("source"), count(), decide("accept")],
    ];
  }
  return [
    [...of("destination"), ...matchConnection(ConnectionKey.state, answers), decide("accept")],
    [...of("source"), decide("accept")],
  ];
}

/** Leads from one chain of a place to another. */
export function jumpTo({ forIptables }: Place, { chain }: ChainKey): Expression[] {
  return [...(forIptables ? [count()] : []), enter("jump", chain)];
}
