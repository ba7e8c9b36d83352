/**
 * Masquerading by nf_tables: one rule per address, in the reference's table and under its comments. An entry of a
 * set would be found faster, but could not be told from another container's of the same address.
 */

import { type Family, formatAddress } from "../ip/address.ts";
import { hostPrefix, type Prefix, parsePrefix } from "../ip/prefix.ts";
import type { Attachment } from "../link/attachment.ts";
import type { Request } from "../netlink/message.ts";
import type { NetlinkSocket } from "../netlink/socket.ts";
import { addChain, Hook, Priority } from "../nftables/chain.ts";
import { sameExpressions, sameRules } from "../nftables/compare.ts";
import { decide, enter } from "../nftables/expression/immediate.ts";
import { masquerade } from "../nftables/expression/masq.ts";
import type { Expression } from "../nftables/expression.ts";
import { matchAddress, matchFamily } from "../nftables/match.ts";
import { appendRule, deleteRule, dumpRules, flushChain, type Rule } from "../nftables/rule.ts";
import { addTable } from "../nftables/table.ts";
import { transact } from "../nftables/transaction.ts";
import { commentOf } from "../nftables/userdata.ts";
import { ownerLength, ownerOf, ownerPrefix } from "./owner.ts";

const table = { family: "inet", table: "cni_plugins_masquerade" } as const;
const entry = { ...table, chain: "postrouting" };
const checks = { ...table, chain: "masq_checks" };

const tableComment = "Masquerading for plugins from github.com/containernetworking/plugins";
const chainComment =
  "Masquerade traffic from certain IPs to any (non-multicast) IP outside their subnet";

const sourceNat = {
  type: "nat",
  hook: Hook.postRouting,
  priority: Priority.sourceNat,
} as const;

/** What the entry holds: multicast keeps its source. */
const entryRules: readonly (readonly Expression[])[] = [
  [...matchMulticast("224.0.0.0/4"), decide("return")],
  [...matchMulticast("ff00::/8"), decide("return")],
  [enter("goto", checks.chain)],
];

function matchMulticast(text: string): Expression[] {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new Error(`invalid CIDR address: ${text}`);
  return [...matchFamily(prefix.address.family), ...matchAddress("destination", prefix)];
}

/** Masquerades what leaves the addresses for outside their networks, in place of what was there for the owner. */
export function addRules(
  socket: NetlinkSocket,
  owner: Attachment,
  addresses: readonly Prefix[],
): void {
  const id = ownerOf(owner);
  const comment = commentFor(owner, id);
  transact(socket, () => {
    const present = socket.dump(dumpRules(table));
    const inEntry = present.filter(({ chain }) => chain === entry.chain);
    const stale = present.filter((rule) => rule.chain === checks.chain && ownerIn(rule) === id);
    return [
      ...(sameRules(entryRules, inEntry) ? [] : entryRequests()),
      ...stale.map((rule) => deleteRule(checks, rule)),
      ...addresses.map((prefix) => appendRule(checks, { expressions: ruleOf(prefix), comment })),
    ];
  });
}

/** Only where needed: for a rule that goes, and for a chain named again, the kernel waits until nobody looks at the old one. */
function entryRequests(): Request[] {
  return [
    addTable(table, tableComment),
    addChain(checks, undefined, chainComment),
    addChain(entry, sourceNat),
    flushChain(entry),
    ...entryRules.map((expressions) => appendRule(entry, { expressions })),
  ];
}

/** Throws where an address has no rule any more, or packets do not come to it. */
export function checkRules(
  socket: NetlinkSocket,
  owner: Attachment,
  addresses: readonly Prefix[],
): void {
  const id = ownerOf(owner);
  const own = socket.dump(dumpRules(checks)).filter((rule) => ownerIn(rule) === id);
  for (const prefix of addresses) {
    if (own.some(({ expressions }) => sameExpressions(ruleOf(prefix), expressions))) continue;
    throw new Error(`masquerade rule of ${formatAddress(prefix.address)} is missing`);
  }
  if (!sameRules(entryRules, socket.dump(dumpRules(entry))))
    throw new Error(`chain "${table.table} ${entry.chain}" is not as ADD made it`);
}

/** Removes the owner's rules; there may be none. */
export function removeRules(socket: NetlinkSocket, owner: Attachment): void {
  const id = ownerOf(owner);
  removeWhere(socket, (rule) => ownerIn(rule) === id);
}

/** Removes the rules of a network's attachments that are not valid any more. */
export function collectRules(
  socket: NetlinkSocket,
  network: string,
  valid: ReadonlySet<string>,
): void {
  const prefix = ownerPrefix(network);
  removeWhere(socket, (rule) => {
    const id = ownerIn(rule);
    return id.startsWith(prefix) && !valid.has(id);
  });
}

function removeWhere(socket: NetlinkSocket, isGone: (rule: Rule) => boolean): void {
  transact(socket, (): Request[] =>
    socket
      .dump(dumpRules(checks))
      .filter(isGone)
      .map((rule) => deleteRule(checks, rule)),
  );
}

function ruleOf(prefix: Prefix): Expression[] {
  const { address } = prefix;
  const family: Family = address.family;
  return [
    ...matchFamily(family),
    ...matchAddress("source", hostPrefix(address)),
    ...matchAddress("destination", prefix, true),
    masquerade(),
  ];
}

function commentFor({ network, containerId, ifName }: Attachment, id: string): string {
  return commentOf(`${id}, net: ${network}, if: ${ifName}, id: ${containerId}`);
}

function ownerIn({ comment = "" }: Rule): string {
  return comment.slice(0, ownerLength);
}
