/** What all messages of nf_tables share. */

import type { Request } from "../netlink/message.ts";
import { FilterFamily, filterHeader, messageType, Subsystem } from "../netlink/nfnetlink.ts";
import type { Reader, Writer } from "../netlink/wire.ts";

/** NFT_MSG_*, linux/netfilter/nf_tables.h */
export const Message = {
  newTable: 0,
  getTable: 1,
  deleteTable: 2,
  newChain: 3,
  getChain: 4,
  deleteChain: 5,
  newRule: 6,
  getRule: 7,
  deleteRule: 8,
  newSet: 9,
  getSet: 10,
  deleteSet: 11,
  newElements: 12,
  getElements: 13,
  deleteElements: 14,
  getGeneration: 16,
} as const;

/** The families a table can have. */
export type TableFamily = "inet" | "ipv4" | "ipv6" | "bridge";

/** Which table. */
export interface TableKey {
  readonly family: TableFamily;
  readonly table: string;
}

/** Which chain, or with its name as `set` which set. */
export interface ChainKey extends TableKey {
  readonly chain: string;
}

/** The parts of a request that differ. */
export interface Parts<Reply> {
  readonly purpose: string;
  readonly message: number;
  readonly family?: TableFamily;
  readonly flags?: number;
  write(to: Writer): void;
  read?(from: Reader, start: number, end: number): Reply;
}

/** A request to nf_tables. */
export function request<Reply = void>(parts: Parts<Reply>): Request<Reply> {
  const { purpose, message, family, flags = 0, write, read } = parts;
  return {
    purpose,
    type: messageType(Subsystem.nftables, message),
    flags,
    write(to) {
      filterHeader.put(to, { family: family === undefined ? 0 : FilterFamily[family] });
      write(to);
    },
    read: read && ((from, start, end) => read(from, start + filterHeader.size, end)),
  };
}
