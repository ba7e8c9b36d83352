/** Whose records are in a table that iptables cannot read for rules of nft's own: the kernel tells. */

import { findFilter } from "../../pkg/filter/backend.ts";
import type { Family } from "../../pkg/ip/address.ts";
import { commentOf } from "../../pkg/nftables/expression/match.ts";
import { dumpRules, type Rule } from "../../pkg/nftables/rule.ts";
import type { Namespace } from "../../pkg/ns/namespace.ts";
import { Chain } from "./iptables-rules.ts";

/** Whether the family has a record of an owner that is gone. */
export function hasUnreadRecord(
  host: Namespace,
  family: Family,
  isGone: (owner: string) => boolean,
): boolean {
  const key = { family: `ipv${family}`, table: "filter", chain: Chain.owners } as const;
  const rules = findFilter(host)?.dump(dumpRules(key)) ?? [];
  return rules.some((rule) => isGone(commentIn(rule).split(" ")[0] ?? ""));
}

/** A comment is a match of iptables in some of its versions, and nft's own in others. */
function commentIn({ comment = "", expressions }: Rule): string {
  for (const { name, data } of expressions) {
    const text = name === "match" && data !== undefined ? commentOf(data) : undefined;
    if (text !== undefined) return text;
  }
  return comment;
}
