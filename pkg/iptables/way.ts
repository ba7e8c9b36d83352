/**
 * Which way to a family's tables. Where the host's iptables is the flavour that keeps them in nf_tables, they are changed
 * there as it would: running it takes longer than all else. The older flavour's tables have no interface but its programs.
 */

import type { Family } from "../ip/address.ts";
import type { NetlinkSocket } from "../netlink/socket.ts";
import { dumpChains, type ListedChain } from "../nftables/chain.ts";
import { transact } from "../nftables/transaction.ts";
import { OpenFlag, openFile, readLink } from "../sys/file.ts";
import { KernelTable, requestsFor } from "./kernel-table.ts";
import { type Programs, readTable, updateTable } from "./program.ts";
import type { Step, Table } from "./table.ts";

/** Directly. */
export interface Kernel {
  readonly family: Family;
  readonly socket: NetlinkSocket;
}

/** Directly, or by programs. */
export type Way = Kernel | Programs;

export function isKernel(way: Way): way is Kernel {
  return "socket" in way;
}

/** The one program of the newer flavour, which has all the others' names. */
const nftProgram = "/xtables-nft-multi";

/** Whether programs are of the newer flavour. Nothing is run for that; what is wrapped in a script counts as the older one. */
export function useNft({ restore }: Programs): boolean {
  using file = openFile(restore, OpenFlag.path);
  return readLink(`/proc/self/fd/${file.fd}`).endsWith(nftProgram);
}

/** Reads table "filter" of families. Throws UnreadableTableError where rules in one of them would not be iptables'. */
export function readFilters(ways: readonly Way[]): [Family, Table][] {
  let chains: readonly ListedChain[] | undefined;
  return ways.map((way) => {
    if (!isKernel(way)) return [way.family, readTable(way, "filter")];
    chains ??= way.socket.dump(dumpChains());
    const table = new KernelTable(way.socket, way.family, chains);
    table.requireOwn();
    return [way.family, table];
  });
}

/** What is to be done to a family's table, as it was read. */
export type FamilyPlan = (table: Table, family: Family) => readonly Step[];

/** Changes table "filter" of families: directly in one transaction for all, by programs one after the other. */
export function changeFilter(ways: readonly Way[], plan: FamilyPlan): void {
  const kernels = ways.filter(isKernel);
  const [first] = kernels;
  if (first !== undefined) {
    transact(first.socket, () => {
      const chains = first.socket.dump(dumpChains());
      return kernels.flatMap(({ socket, family }) => {
        const table = new KernelTable(socket, family, chains);
        return requestsFor(table, plan(table, family));
      });
    });
  }
  for (const way of ways) {
    if (!isKernel(way)) updateTable(way, "filter", (table) => plan(table, way.family));
  }
}
