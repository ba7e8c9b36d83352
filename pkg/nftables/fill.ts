/** Chains with a fixed content. */

import type { Request } from "../netlink/message.ts";
import { sameRules } from "./compare.ts";
import type { Expression } from "./expression.ts";
import type { ChainKey } from "./message.ts";
import { appendRule, flushChain, type Rule } from "./rule.ts";

/**
 * Gives a chain exactly these rules, `present` being those that it or its table has. Only where needed: to delete a rule the
 * kernel waits until nobody looks at it any more, milliseconds in all.
 */
export function fillChain(
  chain: ChainKey,
  rules: readonly (readonly Expression[])[],
  present: readonly Rule[],
): Request[] {
  const own = present.filter((rule) => rule.chain === chain.chain);
  if (sameRules(rules, own)) return [];
  return [flushChain(chain), ...rules.map((expressions) => appendRule(chain, { expressions }))];
}
