/**
 * Drops what a container sends under another MAC address than its own: `macspoofchk` of the bridge plugin, with
 * the reference's table, chains and comments. Each attachment has two chains, entered from its port.
 */

import { parseMac } from "../ip/mac.ts";
import type { Attachment } from "../link/attachment.ts";
import type { Request } from "../netlink/message.ts";
import type { NetlinkSocket } from "../netlink/socket.ts";
import {
  addChain,
  addMissingChain,
  deleteChain,
  findChain,
  Hook,
  Priority,
} from "../nftables/chain.ts";
import { sameExpressions } from "../nftables/compare.ts";
import { decide, enter } from "../nftables/expression/immediate.ts";
import type { Expression, ReadExpression } from "../nftables/expression.ts";
import { matchEther, matchLinkName } from "../nftables/match.ts";
import type { ChainKey } from "../nftables/message.ts";
import { appendRule, deleteRule, dumpRules, flushChain, type Rule } from "../nftables/rule.ts";
import { addTable } from "../nftables/table.ts";
import { transact } from "../nftables/transaction.ts";
import { commentOf } from "../nftables/userdata.ts";
import type { Namespace } from "../ns/namespace.ts";
import { findFilter, openFilter } from "./backend.ts";
import { ownerOf, ownerPrefix } from "./owner.ts";

const table = { family: "bridge", table: "nat" } as const;
const entry = { ...table, chain: "PREROUTING" };
/** The bridge's own name for this number would be dstnat; the reference's is a filter all the same. */
const early = { type: "filter", hook: Hook.preRouting, priority: Priority.raw } as const;

/** NFT_CHAIN_MAXNAMELEN less its NUL and the longest ending */
const longestName = 250;

/** What to let pass: the port's name on the host, the container's address. */
export interface SpoofCheck {
  readonly port: string;
  readonly mac: string;
}

/** The names and rules that follow from an attachment. */
interface Plan {
  readonly owner: string;
  readonly comment: string;
  readonly port: ChainKey;
  readonly macs: ChainKey;
}

function planFor(attachment: Attachment): Plan {
  const id = `${attachment.containerId}-${attachment.ifName}`;
  const owner = ownerOf(attachment);
  const name = `cni-br-iface-${id}`;
  const chain = name.length <= longestName ? name : `cni-br-iface-${owner}`;
  return { owner, comment: commentOf(`macspoofchk-${id}`), ...chainsOf(chain) };
}

function chainsOf(name: string): { port: ChainKey; macs: ChainKey } {
  return { port: { ...table, chain: name }, macs: { ...table, chain: `${name}-mac` } };
}

/** The rules of each chain, in order. */
function rulesOf(plan: Plan, { port, mac }: SpoofCheck): [ChainKey, Expression[]][] {
  const address = parseMac(mac);
  if (address === undefined) throw new Error(`address ${mac}: invalid MAC address`);
  return [
    [entry, [...matchLinkName("in", port), enter("jump", plan.port.chain)]],
    [plan.port, [enter("jump", plan.macs.chain)]],
    [plan.macs, [...matchEther("source", address), decide("return")]],
    [plan.macs, [decide("drop")]],
  ];
}

/** Lets only frames with the container's address into the bridge. Push `removeSpoofCheck` to the undo list before. */
export function addSpoofCheck(host: Namespace, attachment: Attachment, check: SpoofCheck): void {
  const plan = planFor(attachment);
  const { comment, owner } = plan;
  const socket = openFilter(host, "failed to setup spoof-check");
  transact(socket, () => {
    const present = socket.send(...[entry, plan.port, plan.macs].map(findChain));
    const known = present.filter((chain) => chain !== undefined);
    return [
      ...(known.length === 0 ? [addTable(table)] : []),
      ...addMissingChain(known, entry, early),
      ...addMissingChain(known, plan.port),
      ...addMissingChain(known, plan.macs),
      ...entriesOf(socket, plan).map((rule) => deleteRule(entry, rule)),
      flushChain(plan.port),
      flushChain(plan.macs),
      ...rulesOf(plan, check).map(([chain, expressions]) =>
        appendRule(chain, { expressions, comment, owner }),
      ),
    ];
  });
}

/** Throws where the rules are not as ADD made them. */
export function verifySpoofCheck(host: Namespace, attachment: Attachment, check: SpoofCheck): void {
  const socket = openFilter(host, "cannot verify the spoof check");
  for (const [chain, expressions] of rulesOf(planFor(attachment), check)) {
    const rules = socket.dump(dumpRules(chain));
    if (rules.some((rule) => sameExpressions(expressions, rule.expressions))) continue;
    throw new Error(`spoof check of "${check.port}": a rule is missing in chain "${chain.chain}"`);
  }
}

/** Removes what ADD made, by the attachment's names alone; nothing being there is no failure. */
export function removeSpoofCheck(host: Namespace, attachment: Attachment): void {
  const plan = planFor(attachment);
  const socket = findFilter(host);
  if (socket === undefined) return;
  transact(socket, () => {
    const entries = entriesOf(socket, plan);
    if (entries.length === 0 && socket.send(findChain(plan.port))[0] === undefined) return [];
    return removal(entries, plan);
  });
}

/** GC: removes the chains of the network's attachments whose owners are not in the list. Old rules have no owner. */
export function collectSpoofChecks(
  host: Namespace,
  network: string,
  valid: ReadonlySet<string>,
): void {
  const prefix = ownerPrefix(network);
  const socket = findFilter(host);
  if (socket === undefined) return;
  transact(socket, () =>
    socket
      .dump(dumpRules(entry))
      .filter(({ owner = "" }) => owner.startsWith(prefix) && !valid.has(owner))
      .flatMap((rule) => removal([rule], chainsOf(chainEnteredBy(rule.expressions)))),
  );
}

function chainEnteredBy(expressions: readonly ReadExpression[]): string {
  for (const { name, data } of expressions) {
    if (name === "immediate" && data?.data?.verdict?.chain) return data.data.verdict.chain;
  }
  throw new Error(`a rule of chain "${table.table} ${entry.chain}" enters no chain`);
}

function removal(entries: readonly Rule[], { port, macs }: Pick<Plan, "port" | "macs">): Request[] {
  return [
    ...entries.map((rule) => deleteRule(entry, rule)),
    // One of the two may be gone; what is made anew here nobody sees.
    addChain(port),
    addChain(macs),
    flushChain(port),
    flushChain(macs),
    deleteChain(port),
    deleteChain(macs),
  ];
}

function entriesOf(socket: NetlinkSocket, { comment, port }: Plan): Rule[] {
  return socket
    .dump(dumpRules(entry))
    .filter((rule) => rule.comment === comment && chainEnteredBy(rule.expressions) === port.chain);
}
