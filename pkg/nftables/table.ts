/** Tables, and the ruleset's generation. */

import { attributes, be32, string } from "../netlink/codec.ts";
import { MessageFlag, type Request } from "../netlink/message.ts";
import { Message, request, type TableKey } from "./message.ts";
import { notes } from "./userdata.ts";

/** NFTA_TABLE_*, linux/netfilter/nf_tables.h */
const tableAttributes = attributes({
  name: [1, string],
  flags: [2, be32],
  notes: [6, notes],
});

/** NFTA_GEN_*, linux/netfilter/nf_tables.h */
const generationAttributes = attributes({ id: [1, be32] });

/** Makes a table where there is none; one that is there keeps its comment. */
export function addTable({ family, table: name }: TableKey, comment?: string): Request {
  return request({
    purpose: `add table ${name}`,
    message: Message.newTable,
    family,
    flags: MessageFlag.create,
    write: (to) =>
      tableAttributes.write(to, { name, flags: 0, notes: comment ? { comment } : undefined }, {}),
  });
}

/** Deletes a table and all in it. */
export function deleteTable({ family, table: name }: TableKey): Request {
  return request({
    purpose: `delete table ${name}`,
    message: Message.deleteTable,
    family,
    write: (to) => tableAttributes.write(to, { name }, {}),
  });
}

/** Asks whether there is such a table: fails with ENOENT where not. */
export function getTable({ family, table: name }: TableKey): Request<string | undefined> {
  return request({
    purpose: `get table ${name}`,
    message: Message.getTable,
    family,
    write: (to) => tableAttributes.write(to, { name }, {}),
    read: (from, start, end) => tableAttributes.read(from, start, end, {}).name,
  });
}

/** The ruleset's number, which every change raises. Its being answered says that nf_tables works here. */
export function getGeneration(): Request<number> {
  return request({
    purpose: "get generation of ruleset",
    message: Message.getGeneration,
    write: () => {},
    read: (from, start, end) => generationAttributes.read(from, start, end, {}).id ?? 0,
  });
}
