/** The parts of a rule: each loads, compares or acts, in order, until one says no. */

import { chosenBy } from "../netlink/chosen.ts";
import { attributes, flagged, listOf, string, type ValueOf } from "../netlink/codec.ts";
import { bitwise } from "./expression/bitwise.ts";
import { cmp } from "./expression/cmp.ts";
import { counter } from "./expression/counter.ts";
import { ct } from "./expression/ct.ts";
import { fib } from "./expression/fib.ts";
import { immediate } from "./expression/immediate.ts";
import { limit } from "./expression/limit.ts";
import { lookup } from "./expression/lookup.ts";
import { masq } from "./expression/masq.ts";
import { match } from "./expression/match.ts";
import { meta } from "./expression/meta.ts";
import { nat } from "./expression/nat.ts";
import { payload } from "./expression/payload.ts";
import { range } from "./expression/range.ts";
import { redir } from "./expression/redir.ts";
import { reject } from "./expression/reject.ts";

/** The kinds this suite writes. Of others, which a rule made elsewhere may have, only the name is read. */
const kinds = {
  payload,
  meta,
  ct,
  cmp,
  range,
  bitwise,
  lookup,
  immediate,
  nat,
  masq,
  redir,
  fib,
  counter,
  limit,
  reject,
  match,
};

type Kinds = typeof kinds;

/** One expression: its kind and what that needs. */
export type Expression = {
  [K in keyof Kinds]: { readonly name: K; readonly data: Readonly<ValueOf<Kinds[K]>> };
}[keyof Kinds];

/** An expression as read: one of another kind has no data. */
export type ReadExpression = Expression | { readonly name?: string; readonly data?: undefined };

/** NFTA_EXPR_*, linux/netfilter/nf_tables.h */
export const expression = attributes({
  name: [1, string],
  data: [2, flagged(chosenBy("name", kinds))],
});

/** NFTA_LIST_ELEM, linux/netfilter/nf_tables.h */
export const expressions = listOf(1, flagged(expression));

/** Registers of 16 bytes, and of four: NFT_REG_* and NFT_REG32_*. The first four of these make the first of those. */
export const Register = { verdict: 0, first: 1, second: 2 } as const;

/** The n-th register of four bytes, by the number the kernel gives back: every fourth begins one of 16. */
export function smallRegister(index: number): number {
  return index % 4 === 0 ? index / 4 + 1 : 8 + index;
}
