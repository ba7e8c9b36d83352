/** Chains: lists of rules, some of them entered from a hook. */

import { attributes, be32, flagged, string } from "../netlink/codec.ts";
import { MessageFlag, optional, type Request } from "../netlink/message.ts";
import { FilterFamily, filterHeader } from "../netlink/nfnetlink.ts";
import { Errno } from "../sys/errno.ts";
import { type ChainKey, Message, request, type TableFamily } from "./message.ts";
import { notes } from "./userdata.ts";

/** NFTA_HOOK_*, linux/netfilter/nf_tables.h */
const hookAttributes = attributes({ number: [1, be32], priority: [2, be32] });

/** NFTA_CHAIN_*, linux/netfilter/nf_tables.h */
const chainAttributes = attributes({
  table: [1, string],
  name: [3, string],
  hook: [4, flagged(hookAttributes)],
  policy: [5, be32],
  type: [7, string],
  notes: [12, notes],
});

/** NF_INET_*, linux/netfilter.h; those of the bridge have the same numbers */
export const Hook = {
  preRouting: 0,
  input: 1,
  forward: 2,
  output: 3,
  postRouting: 4,
} as const;

/** Where `nft` names priorities: raw, dstnat, filter, srcnat. */
export const Priority = {
  raw: -300,
  destinationNat: -100,
  filter: 0,
  sourceNat: 100,
} as const;

/** A chain that packets come to. */
export interface BaseChain {
  readonly type: "filter" | "nat" | "route";
  readonly hook: number;
  /** Chains with lower ones come first. */
  readonly priority: number;
}

/** Makes a chain where there is none. Fails with EEXIST where one of that name has another hook. */
export function addChain(
  { family, table, chain }: ChainKey,
  base?: BaseChain,
  comment?: string,
): Request {
  return request({
    purpose: `add chain ${table} ${chain}`,
    message: Message.newChain,
    family,
    flags: MessageFlag.create,
    write: (to) =>
      chainAttributes.write(
        to,
        {
          table,
          name: chain,
          type: base?.type,
          hook: base && { number: base.hook, priority: base.priority },
          notes: comment === undefined ? undefined : { comment },
        },
        {},
      ),
  });
}

/** Deletes a chain, which must be empty and not be entered from anywhere. */
export function deleteChain({ family, table, chain }: ChainKey): Request {
  return request({
    purpose: `delete chain ${table} ${chain}`,
    message: Message.deleteChain,
    family,
    write: (to) => chainAttributes.write(to, { table, name: chain }, {}),
  });
}

/** NF_DROP and NF_ACCEPT, linux/netfilter.h: what becomes of a packet that no rule decides about */
export const Policy = { drop: 0, accept: 1 } as const;

/** A chain, and where it is if packets come to it by themselves. */
export interface PlacedChain extends ChainKey {
  readonly base?: BaseChain;
}

/** The same with what a list tells besides. */
export interface ListedChain extends PlacedChain {
  readonly base?: BaseChain & { readonly policy: number };
}

const familyNames = new Map<number, TableFamily>(
  (["inet", "ipv4", "ipv6", "bridge"] as const).map((name) => [FilterFamily[name], name]),
);

/** Lists the chains of all tables, but of families that have no name here: for NetlinkSocket.dump. */
export function dumpChains(): Request<ListedChain | undefined> {
  return request({
    purpose: "list chains",
    message: Message.getChain,
    write: () => {},
    read(from, start, end) {
      const family = familyNames.get(
        filterHeader.field.family.get(from, start - filterHeader.size),
      );
      if (family === undefined) return undefined;
      const {
        table = "",
        name: chain = "",
        hook,
        type,
        policy = Policy.accept,
      } = chainAttributes.read(from, start, end, {});
      if (hook === undefined) return { family, table, chain };
      const { number = 0, priority = 0 } = hook;
      const base = {
        type: type as BaseChain["type"],
        hook: number,
        priority: priority | 0,
        policy,
      };
      return { family, table, chain, base };
    },
  });
}

/**
 * Makes a chain that is not among those listed. To name one that is there has the kernel wait, when the socket is closed, until
 * nobody looks at the chain: milliseconds. One with another hook is named, for the refusal that this brings.
 */
export function addMissingChain(
  listed: readonly PlacedChain[],
  key: ChainKey,
  base?: BaseChain,
  comment?: string,
): Request[] {
  const found = listed.find((chain) => isSameChain(chain, key));
  const isRight = found !== undefined && isSameBase(found.base, base);
  return isRight ? [] : [addChain(key, base, comment)];
}

/** Whether packets come to both from the same place, or to neither by themselves. */
export function isSameBase(a: BaseChain | undefined, b: BaseChain | undefined): boolean {
  return a?.hook === b?.hook && a?.priority === b?.priority && a?.type === b?.type;
}

export function isSameChain(a: ChainKey, b: ChainKey): boolean {
  return a.chain === b.chain && a.table === b.table && a.family === b.family;
}

/** Reads a chain; undefined if there is none. */
export function findChain(key: ChainKey): Request<PlacedChain | undefined> {
  const { family, table, chain } = key;
  const found = request({
    purpose: `get chain ${table} ${chain}`,
    message: Message.getChain,
    family,
    write: (to) => chainAttributes.write(to, { table, name: chain }, {}),
    read(from, start, end): PlacedChain {
      const { hook, type } = chainAttributes.read(from, start, end, {});
      if (hook === undefined) return key;
      const { number = 0, priority = 0 } = hook;
      return {
        ...key,
        base: { type: type as BaseChain["type"], hook: number, priority: priority | 0 },
      };
    },
  });
  return optional(found, Errno.ENOENT);
}
