/** The reference's way with iptables: a chain for each container, and rules with a comment that lead to it. */

import type { Family } from "../ip/address.ts";
import { comment, longestChain, longestComment } from "../iptables/rule.ts";
import type { Table } from "../iptables/table.ts";
import type { Words } from "../iptables/words.ts";
import type { Attachment } from "../link/attachment.ts";
import type { Namespace } from "../ns/namespace.ts";
import { sha512 } from "../sys/sha512.ts";
import { encode } from "../sys/text.ts";
import { type Place, unreadRules } from "./iptables.ts";
import { ownerOf, ownerPrefix } from "./owner.ts";

/** A container's chain as the reference calls it: it does not tell interfaces of one network apart. */
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

/** Whether a rule's comment is such a one, of a container of the network. */
function isCommentOf(before: string, text: string, network: string): boolean {
  return (
    text.startsWith(networkComment(before, network)) ||
    text.startsWith(`${before}${ownerPrefix(network)}`)
  );
}

/** Whether a rule, by its comment, leads to a container's chain that is to go. */
export type StaleTest = (comment: string, chain: string) => boolean;

/** Finds the chains of a network's containers that none of these attachments has. */
export function staleTest(
  { prefix, before }: { readonly prefix: string; readonly before: string },
  network: string,
  valid: readonly { readonly containerID: string }[],
): StaleTest {
  const kept = new Set(
    valid.map(({ containerID }) => containerChain(prefix, network, containerID)),
  );
  return (comment, chain) =>
    chain.startsWith(prefix) && !kept.has(chain) && isCommentOf(before, comment, network);
}

/** The stale chains that a table's chain leads to. */
export function staleChains(table: Table, entry: string, isStale: StaleTest): string[] {
  const found = table.rules(entry).flatMap((words) => {
    const chain = words.at(-1) ?? "";
    return isStale(words[words.indexOf("--comment") + 1] ?? "", chain) ? [chain] : [];
  });
  return [...new Set(found)];
}

/** Whether a place leads to any, as nf_tables shows it: for a table that iptables cannot read. */
export function leadsToStale(host: Namespace, place: Place, isStale: StaleTest) {
  return (family: Family): boolean =>
    unreadRules(host, family, place).some(({ comment, jump = "" }) => isStale(comment, jump));
}
