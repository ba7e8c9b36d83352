/** A table of iptables, and the steps that make it another. */

import { type Rule, wordsOf } from "./rule.ts";
import { printWords, sameWords, type Words } from "./words.ts";

/** The tables in use here. */
export type TableName = "filter" | "nat" | "mangle" | "raw";

/** One step of a change, in the words of `iptables`. */
export type Step = Words;

/** A table with rules that the programs themselves cannot show. */
export class UnreadableTableError extends Error {
  override readonly name = "UnreadableTableError";
}

/** What a table held when it was read. */
export interface Table {
  readonly name: TableName;
  hasChain(chain: string): boolean;
  /** A chain's rules, without its name; none where there is no such chain. */
  rules(chain: string): readonly Words[];
}

export function hasRule(table: Table, chain: string, rule: Rule): boolean {
  const wanted = wordsOf(rule);
  return table.rules(chain).some((words) => sameWords(words, wanted));
}

/** Makes a chain where there is none. */
export function ensureChain(table: Table, chain: string): Step[] {
  return table.hasChain(chain) ? [] : [["-N", chain]];
}

/** Puts a rule where the chain does not have it anywhere, at its end or as its first. */
export function ensureRule(
  table: Table,
  chain: string,
  rule: Rule,
  place: "first" | "last" = "last",
): Step[] {
  if (hasRule(table, chain, rule)) return [];
  const words = wordsOf(rule);
  return [place === "first" ? ["-I", chain, "1", ...words] : ["-A", chain, ...words]];
}

/** Gives a chain exactly these rules; makes it where there is none. */
export function fillChain(table: Table, chain: string, rules: readonly Rule[]): Step[] {
  const wanted = rules.map(wordsOf);
  const present = table.rules(chain);
  const isRight =
    table.hasChain(chain) &&
    wanted.length === present.length &&
    wanted.every((words, index) => sameWords(words, present[index] ?? []));
  if (isRight) return [];
  return [
    ...(table.hasChain(chain) ? [["-F", chain]] : [["-N", chain]]),
    ...wanted.map((words) => ["-A", chain, ...words]),
  ];
}

/** Removes a chain's rules of which this is true, in the words they were read in. */
export function removeRules(
  table: Table,
  chain: string,
  isMeant: (words: Words) => boolean,
): Step[] {
  return table
    .rules(chain)
    .filter(isMeant)
    .map((words) => ["-D", chain, ...words]);
}

/** Removes one rule, as often as it is there. */
export function removeRule(table: Table, chain: string, rule: Rule): Step[] {
  const wanted = wordsOf(rule);
  return removeRules(table, chain, (words) => sameWords(words, wanted));
}

/** Removes a chain with what is in it. Rules that lead to it must go before. */
export function removeChain(table: Table, chain: string): Step[] {
  if (!table.hasChain(chain)) return [];
  return [
    ["-F", chain],
    ["-X", chain],
  ];
}

/** Whether a rule leads to the chain. */
export function leadsTo(words: Words, chain: string): boolean {
  const jump = words.findLastIndex((word) => word === "-j" || word === "-g");
  return jump >= 0 && words[jump + 1] === chain;
}

/** The script that does all the steps or none. */
export function printScript(table: TableName, steps: readonly Step[]): string {
  return `*${table}\n${steps.map((step) => `${printWords(step)}\n`).join("")}COMMIT\n`;
}
