/** Rules: added to an end of a chain, listed by chain, deleted by the handle the kernel gave them. */

import { attributes, bytes, flagged, string } from "../netlink/codec.ts";
import { be64 } from "../netlink/long.ts";
import { MessageFlag, type Request } from "../netlink/message.ts";
import { Reader } from "../netlink/wire.ts";
import { type Expression, expressions, type ReadExpression } from "./expression.ts";
import { type ChainKey, Message, request, type TableKey } from "./message.ts";
import { type Notes, notes } from "./userdata.ts";

/** NFTA_RULE_*, linux/netfilter/nf_tables.h */
const ruleAttributes = attributes({
  table: [1, string],
  chain: [2, string],
  handle: [3, be64],
  expressions: [4, flagged(expressions)],
  notes: [7, notes],
});

/** The same, of which the expressions are left for later: a busy host has hundreds of rules, and few matter. */
const listedAttributes = attributes({
  table: [1, string],
  chain: [2, string],
  handle: [3, be64],
  expressions: [4, bytes],
  notes: [7, notes],
});

/** A rule to be made: its expressions in order, and what is noted on it. */
export interface NewRule extends Notes {
  readonly expressions: readonly Expression[];
}

/** A rule as read. */
export interface Rule extends Notes {
  readonly handle: bigint;
  readonly chain: string;
  readonly expressions: readonly ReadExpression[];
}

/** A rule as listed: its expressions are read when they are asked for. */
export interface ListedRule extends Rule {
  /** The expressions as they came, to be looked through for a text or an address. */
  readonly bytes: Uint8Array;
}

/** Adds a rule at the chain's end. */
export function appendRule(key: ChainKey, rule: NewRule): Request {
  return newRule(key, rule, MessageFlag.append);
}

/** Adds a rule at the chain's beginning. */
export function insertRule(key: ChainKey, rule: NewRule): Request {
  return newRule(key, rule, 0);
}

function newRule(
  { family, table, chain }: ChainKey,
  { comment, owner, expressions: parts }: NewRule,
  place: number,
): Request {
  const isNoted = comment !== undefined || owner !== undefined;
  return request({
    purpose: `add rule to ${table} ${chain}`,
    message: Message.newRule,
    family,
    flags: MessageFlag.create | place,
    write(to) {
      const noted = isNoted ? { comment, owner } : undefined;
      ruleAttributes.write(to, { table, chain, expressions: [...parts], notes: noted }, {});
    },
  });
}

/** Deletes a rule by its handle. Handles are not used again: it never hits another. */
export function deleteRule(key: ChainKey, { handle }: Pick<Rule, "handle">): Request {
  const { family, table, chain } = key;
  return request({
    purpose: `delete rule ${handle} of ${table} ${chain}`,
    message: Message.deleteRule,
    family,
    write: (to) => ruleAttributes.write(to, { table, chain, handle }, {}),
  });
}

/** Deletes all rules of a chain. */
export function flushChain({ family, table, chain }: ChainKey): Request {
  return request({
    purpose: `flush chain ${table} ${chain}`,
    message: Message.deleteRule,
    family,
    write: (to) => ruleAttributes.write(to, { table, chain }, {}),
  });
}

/** Lists the rules of a chain, or of a table's chains, in order: for NetlinkSocket.dump. Of what is not there, none. */
export function dumpRules(key: ChainKey | TableKey): Request<ListedRule | undefined> {
  const { family, table } = key;
  const chain = "chain" in key ? key.chain : undefined;
  return request({
    purpose: `list rules of ${table}${chain === undefined ? "" : ` ${chain}`}`,
    message: Message.getRule,
    family,
    write: (to) => ruleAttributes.write(to, { table, chain }, {}),
    read(from, start, end) {
      const { handle = 0n, ...rule } = listedAttributes.read(from, start, end, {});
      // Old kernels do not look at the filter.
      if (rule.table !== table || (chain !== undefined && rule.chain !== chain)) return undefined;
      return listed({ ...rule.notes, handle, chain: rule.chain ?? "" }, rule.expressions);
    },
  });
}

function listed(
  rule: Omit<Rule, "expressions">,
  parts: Uint8Array = new Uint8Array(0),
): ListedRule {
  let known: ReadExpression[] | undefined;
  return {
    ...rule,
    bytes: parts,
    get expressions() {
      known ??= expressions.read(new Reader(parts), 0, parts.length, {}) as ReadExpression[];
      return known;
    },
  };
}
