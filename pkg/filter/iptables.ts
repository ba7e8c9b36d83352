/**
 * The way to the packet filter by the host's iptables: under a lock of this suite's own, since two that plan at the same
 * time would refuse each other, and for a removal only where there is anything.
 */

import { toCniError } from "../cni/error.ts";
import { type Family, families } from "../ip/address.ts";
import { findPrograms, openPrograms, type Programs } from "../iptables/program.ts";
import { type TableName, UnreadableTableError } from "../iptables/table.ts";
import { findChain } from "../nftables/chain.ts";
import { commentOf } from "../nftables/expression/match.ts";
import { dumpRules } from "../nftables/rule.ts";
import type { Namespace } from "../ns/namespace.ts";
import { findText } from "../sys/file.ts";
import { findFilter } from "./backend.ts";

/**
 * How long to wait for others of this suite that change tables of iptables: a hundred may come at once, and a busy machine run
 * few of their programs in a second. Runtimes give up themselves.
 */
export const turnMs = 120_000;

/** What of a plugin's call the programs are run with. */
export interface IptablesCall {
  readonly host: Namespace;
  readonly env: Readonly<Record<string, string>>;
  readonly cancelFd: number;
  readonly log: (line: string) => void;
}

/** Whether the host has iptables for both families. */
export function hasIptables({ env }: Pick<IptablesCall, "env">): boolean {
  return families.every((family) => findPrograms(family, { env }) !== undefined);
}

/** Runs the work with the programs of each of the families. Throws where the host has none. */
export function withIptables(
  { host, env, cancelFd }: IptablesCall,
  concerned: readonly Family[],
  purpose: string,
  work: (programs: Programs) => void,
): void {
  host.exclusively({ timeoutMs: turnMs, cancelFd }, () => {
    const around = { env, cancelFd, heldFd: host.fd };
    for (const family of concerned) work(openPrograms(family, around, purpose));
  });
}

/** A chain of a table. */
export type Place = readonly [table: TableName, chain: string];

/** Where a removal looks. */
export interface Search {
  /** The chain without which there is nothing to remove. */
  readonly place: Place;
  /** Whether there are rules to be removed in a table that iptables cannot read, as nf_tables shows it. */
  readonly isLeft: (family: Family) => boolean;
}

/**
 * Runs the work of a removal for each family that has the chain. No program is needed to see that there is none. A table
 * that iptables cannot read is one that it did not fill, unless something is left that should go. The failure of one family
 * is told after the other had its turn.
 */
export function whereIptablesHas(
  { host, env, log }: IptablesCall,
  { place, isLeft }: Search,
  work: (programs: Programs) => void,
): void {
  const failures: unknown[] = [];
  host.exclusively({ timeoutMs: turnMs }, () => {
    // Only now: the program of an ADD that was killed may have been at work until the lock was to be had.
    for (const family of families) {
      try {
        if (!mayHold(host, family, place)) continue;
        const programs = findPrograms(family, { env, heldFd: host.fd });
        if (programs === undefined) {
          log(`rules of iptables stay where they are: the host has no program for IPv${family}`);
          continue;
        }
        removeReadably(
          () => work(programs),
          () => isLeft(family),
          log,
        );
      } catch (error) {
        failures.push(error);
      }
    }
  });
  const [first, ...others] = failures;
  for (const failure of others) log(`failed as well: ${toCniError(failure).message}`);
  if (first !== undefined) throw first;
}

/** Runs a removal. Where iptables cannot read the table ADD put nothing there, unless it could read it then. */
export function removeReadably(
  work: () => void,
  isLeft: () => boolean,
  log: IptablesCall["log"],
): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof UnreadableTableError) || isLeft()) throw error;
    log(`nothing removed by iptables: ${error.message}`);
  }
}

/** By nf_tables for the newer flavour; of the older the kernel tells only which tables are in use. */
export function mayHold(host: Namespace, family: Family, [table, chain]: Place): boolean {
  return hasNftChain(host, family, [table, chain]) || legacyTables(family).includes(table);
}

/** Whether nf_tables has the chain. */
export function hasNftChain(host: Namespace, family: Family, [table, chain]: Place): boolean {
  const socket = findFilter(host);
  if (socket === undefined) return false;
  const [found] = socket.send(findChain({ family: `ipv${family}`, table, chain }));
  return found !== undefined;
}

/** A rule of iptables as nf_tables has it, also where iptables cannot read the table. */
export interface UnreadRule {
  readonly comment: string;
  /** The chain that it leads to. */
  readonly jump: string | undefined;
}

/** The rules of a chain; none where nf_tables has no such chain. */
export function unreadRules(host: Namespace, family: Family, [table, chain]: Place): UnreadRule[] {
  const rules = findFilter(host)?.dump(dumpRules({ family: `ipv${family}`, table, chain })) ?? [];
  return rules.map((rule) => {
    // A comment is a match of iptables in some of its versions, and nft's own in others.
    let { comment = "" } = rule;
    let jump: string | undefined;
    for (const { name, data } of rule.expressions) {
      if (name === "match" && data !== undefined) comment = commentOf(data) ?? comment;
      if (name === "immediate") jump = data?.data?.verdict?.chain;
    }
    return { comment, jump };
  });
}

function legacyTables(family: Family): string[] {
  const file = family === 4 ? "ip_tables_names" : "ip6_tables_names";
  const text = findText(`/proc/self/net/${file}`);
  return text?.split("\n") ?? [];
}
