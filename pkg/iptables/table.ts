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

/** What a table held when it was read. To look at every rule of a busy host takes long: so there are other questions. */
export interface Table {
  hasChain(chain: string): boolean;
  /** How many rules a chain has. */
  count(chain: string): number;
  /** A chain's rules, without its name; none where there is no such chain. */
  rules(chain: string): readonly Words[];
  /** Those that hold an address, or a text that may be a part of a word; there may be others among them. */
  rulesAbout(chain: string, text: string): readonly Words[];
}

/** After these comes what few rules have, the rarest first. */
const tellingOptions = ["-s", "-d", "--comment", "-i", "-o"];

/** What to look for to find a rule again; empty where that is all rules. */
export function tellingText(words: Words): string {
  const option = tellingOptions.find((one) => words.includes(one));
  return option === undefined ? "" : (words[words.indexOf(option) + 1] ?? "");
}

function sameAs(table: Table, chain: string, wanted: Words): Words[] {
  return table.rulesAbout(chain, tellingText(wanted)).filter((words) => sameWords(words, wanted));
}

export function hasRule(table: Table, chain: string, rule: Rule): boolean {
  return sameAs(table, chain, wordsOf(rule)).length > 0;
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

/** Removes a chain's rules that lead to another, in the words they were read in. */
export function removeJumps(table: Table, from: string, to: string): Step[] {
  return table
    .rules(from)
    .filter((words) => leadsTo(words, to))
    .map((words) => ["-D", from, ...words]);
}

/** Removes one rule, as often as it is there. */
export function removeRule(table: Table, chain: string, rule: Rule): Step[] {
  return sameAs(table, chain, wordsOf(rule)).map((words) => ["-D", chain, ...words]);
}

/** Removes a chain with what is in it. Rules that lead to it must go before. */
export function removeChain(table: Table, chain: string): Step[] {
  if (!table.hasChain(chain)) return [];
  return [
    ["-F", chain],
    ["-X", chain],
  ];
}

/** Removes a chain with another's rules that lead to it. */
export function removeChainFrom(table: Table, entry: string, chain: string): Step[] {
  return [...removeJumps(table, entry, chain), ...removeChain(table, chain)];
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
