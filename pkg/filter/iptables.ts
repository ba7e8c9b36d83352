/**
 * The way to the packet filter by the host's iptables: under a lock of this suite's own, since two that plan at the same
 * time would refuse each other, and for a removal only where there is anything.
 */

import { type Family, families } from "../ip/address.ts";
import { findPrograms, openPrograms, type Programs } from "../iptables/program.ts";
import { comment, longestChain, longestComment } from "../iptables/rule.ts";
import { type TableName, UnreadableTableError } from "../iptables/table.ts";
import type { Words } from "../iptables/words.ts";
import type { Attachment } from "../link/attachment.ts";
import { findChain } from "../nftables/chain.ts";
import type { Namespace } from "../ns/namespace.ts";
import { ifPresent, readText } from "../sys/file.ts";
import { sha512 } from "../sys/sha512.ts";
import { encode } from "../sys/text.ts";
import { findFilter } from "./backend.ts";
import { ownerOf, ownerPrefix } from "./owner.ts";

/** How long to wait for another of this suite that changes tables of iptables. */
const lockMs = 10_000;

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
  host.exclusively({ timeoutMs: lockMs, cancelFd }, () => {
    const around = { env, cancelFd, heldFd: host.fd };
    for (const family of concerned) work(openPrograms(family, around, purpose));
  });
}

/** A chain of a table; the last names one that only iptables has made, and that is to be emptied. */
type Place = readonly [table: TableName, chain: string, own?: string];

/**
 * Runs the work of a removal for each family that has the chain. No program is needed to see that there is none. A table
 * that iptables cannot read is one that it did not fill, unless `own` is there: then something stays that should go.
 */
export function whereIptablesHas(
  { host, env, log }: IptablesCall,
  [table, chain, own]: Place,
  work: (programs: Programs) => void,
): void {
  host.exclusively({ timeoutMs: lockMs }, () => {
    // Only now: the program of an ADD that was killed may have been at work until the lock was to be had.
    const concerned = families.filter((family) => mayHold(host, family, [table, chain]));
    for (const family of concerned) {
      const programs = findPrograms(family, { env, heldFd: host.fd });
      if (programs === undefined) {
        log(`rules of iptables stay where they are: the host has no program for IPv${family}`);
        continue;
      }
      try {
        work(programs);
      } catch (error) {
        if (!(error instanceof UnreadableTableError)) throw error;
        if (own !== undefined && hasNftChain(host, family, [table, own])) throw error;
        log(`nothing removed by iptables: ${error.message}`);
      }
    }
  });
}

/** By nf_tables for the newer flavour; of the older the kernel tells only which tables are in use. */
function mayHold(
  host: Namespace,
  family: Family,
  [table, chain]: readonly [TableName, string],
): boolean {
  return hasNftChain(host, family, [table, chain]) || legacyTables(family).includes(table);
}

function hasNftChain(
  host: Namespace,
  family: Family,
  [table, chain]: readonly [TableName, string],
): boolean {
  const socket = findFilter(host);
  if (socket === undefined) return false;
  const [found] = socket.send(findChain({ family: `ipv${family}`, table, chain }));
  return found !== undefined;
}

function legacyTables(family: Family): string[] {
  const file = family === 4 ? "ip_tables_names" : "ip6_tables_names";
  const text = ifPresent(() => readText(`/proc/self/net/${file}`));
  return text?.split("\n") ?? [];
}

/** A container's chain in iptables, as the reference calls it: it does not tell interfaces of one network apart. */
export function containerChain(prefix: string, network: string, containerId: string): string {
  return `${prefix}${sha512(network + containerId)}`.slice(0, longestChain);
}

/** The reference's comment, by which GC knows the network's rules; where names are too long for one, what follows from them. */
export function containerComment(before: string, owner: Attachment): Words {
  const text = `${networkComment(before, owner.network)}${JSON.stringify(owner.containerId)}`;
  return comment(encode(text).length <= longestComment ? text : `${before}${ownerOf(owner)}`);
}

function networkComment(before: string, network: string): string {
  return `${before}name: ${JSON.stringify(network)} id: `;
}

/** Whether a rule has such a comment, of a container of the network. */
export function isOfNetwork(before: string, words: Words, network: string): boolean {
  const text = words[words.indexOf("--comment") + 1] ?? "";
  return (
    text.startsWith(networkComment(before, network)) ||
    text.startsWith(`${before}${ownerPrefix(network)}`)
  );
}
