/** The nftables backend's rules for `ingressPolicy`: by bridge, shared by all that are attached to it. */

import type { Request } from "../../pkg/netlink/message.ts";
import { sameExpressions } from "../../pkg/nftables/compare.ts";
import { decide, enter } from "../../pkg/nftables/expression/immediate.ts";
import type { Expression } from "../../pkg/nftables/expression.ts";
import { matchLinkName } from "../../pkg/nftables/match.ts";
import type { ChainKey } from "../../pkg/nftables/message.ts";
import { appendRule, deleteRule, type Rule } from "../../pkg/nftables/rule.ts";
import type { Policy } from "./config.ts";
import { Own } from "./places.ts";

/** The rules of a bridge under a policy; none for "open". */
export function isolationRules(bridge: string, policy: Policy): [ChainKey, Expression[]][] {
  if (policy === "open") return [];
  const from = matchLinkName("in", bridge);
  const to = matchLinkName("out", bridge);
  const elsewhere = matchLinkName("out", bridge, true);
  return [
    [Own.stage1, [...from, ...elsewhere, enter("jump", Own.stage2.chain)]],
    [Own.stage2, [...to, decide("drop")]],
    ...(policy === "isolated" ? [within([...from, ...to])] : []),
  ];
}

function within(match: readonly Expression[]): [ChainKey, Expression[]] {
  return [Own.stage1, [...match, decide("drop")]];
}

/** A rule as read, and where. */
export interface Found {
  readonly key: ChainKey;
  readonly rule: Rule;
}

/** The rule among those that are there. */
export function find(
  [chain, expressions]: readonly [ChainKey, readonly Expression[]],
  present: readonly Found[],
): Found | undefined {
  return present.find(
    ({ key, rule }) =>
      key.family === chain.family &&
      key.table === chain.table &&
      key.chain === chain.chain &&
      sameExpressions(expressions, rule.expressions),
  );
}

/** Makes what a bridge's policy needs and is not there; takes away what it does not need any more. */
export function isolationChanges(
  bridge: string,
  policy: Policy,
  present: readonly Found[],
): Request[] {
  const wanted = isolationRules(bridge, policy);
  const unwanted = isolationRules(bridge, "isolated").filter(
    ([chain, expressions]) =>
      !wanted.some(
        ([other, same]) => other.chain === chain.chain && sameExpressions(expressions, same),
      ),
  );
  return [
    ...wanted
      .filter((rule) => find(rule, present) === undefined)
      .map(([chain, expressions]) => appendRule(chain, { expressions })),
    ...unwanted.flatMap((rule) => {
      const found = find(rule, present);
      return found === undefined ? [] : [deleteRule(found.key, found.rule)];
    }),
  ];
}
