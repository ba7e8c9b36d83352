/**
 * The way to the packet filter by the host's iptables: under a lock of this suite's own, since two that plan at the same
 * time would refuse each other, and for a removal only where there is anything.
 */

import { type Family, families } from "../ip/address.ts";
import { findPrograms, openPrograms, type Programs } from "../iptables/program.ts";
import { type TableName, UnreadableTableError } from "../iptables/table.ts";
import { isNetlinkError } from "../netlink/error.ts";
import { getChain } from "../nftables/chain.ts";
import type { Namespace } from "../ns/namespace.ts";
import { Errno } from "../sys/errno.ts";
import { ifPresent, readText } from "../sys/file.ts";
import { findFilter } from "./backend.ts";

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
    for (const family of concerned) work(openPrograms(family, { env, cancelFd }, purpose));
  });
}

/**
 * Runs the work of a removal for each family that has the chain. No program is needed to see that there is none, and
 * a table that iptables cannot read is none that it has filled.
 */
export function whereIptablesHas(
  { host, env, log }: IptablesCall,
  [table, chain]: readonly [TableName, string],
  work: (programs: Programs) => void,
): void {
  const concerned = families.filter((family) => mayHold(host, family, [table, chain]));
  if (concerned.length === 0) return;
  host.exclusively({ timeoutMs: lockMs }, () => {
    for (const family of concerned) {
      const programs = findPrograms(family, { env });
      if (programs === undefined) {
        log(`rules of iptables stay where they are: the host has no program for IPv${family}`);
        continue;
      }
      try {
        work(programs);
      } catch (error) {
        if (!(error instanceof UnreadableTableError)) throw error;
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
  try {
    socket.send(getChain({ family: `ipv${family}`, table, chain }));
    return true;
  } catch (error) {
    if (isNetlinkError(error, Errno.ENOENT)) return false;
    throw error;
  }
}

function legacyTables(family: Family): string[] {
  const file = family === 4 ? "ip_tables_names" : "ip6_tables_names";
  const text = ifPresent(() => readText(`/proc/self/net/${file}`));
  return text?.split("\n") ?? [];
}
