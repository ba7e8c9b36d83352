/**
 * Rules as iptables-nft has them in nf_tables: what it writes, byte by byte, and what any of its versions wrote. Only those
 * words that this suite's own rules need.
 */

import { type Family, fromBytes } from "../ip/address.ts";
import { type Prefix, parsePrefix } from "../ip/prefix.ts";
import { Comparison, compare } from "../nftables/expression/cmp.ts";
import { count } from "../nftables/expression/counter.ts";
import { ConnectionState } from "../nftables/expression/ct.ts";
import { type Data, Verdict } from "../nftables/expression/data.ts";
import { decide, enter } from "../nftables/expression/immediate.ts";
import {
  commentOf,
  connectionStateOf,
  type Match,
  matchComment,
  matchConnectionState,
} from "../nftables/expression/match.ts";
import { loadMeta, MetaKey } from "../nftables/expression/meta.ts";
import { PayloadBase } from "../nftables/expression/payload.ts";
import { type Expression, type ReadExpression, Register } from "../nftables/expression.ts";
import { addressField, matchAddress, type Side } from "../nftables/match.ts";
import type { Rule as KernelRule } from "../nftables/rule.ts";
import { decode, encode } from "../sys/text.ts";
import { comment, connectionState, type Operand, type Rule, wordsOf } from "./rule.ts";
import type { Words } from "./words.ts";

/** In the order in which `iptables-save` prints them. */
const states = [
  ["INVALID", ConnectionState.invalid],
  ["NEW", ConnectionState.new],
  ["RELATED", ConnectionState.related],
  ["ESTABLISHED", ConnectionState.established],
] as const;

const verdicts = { ACCEPT: "accept", DROP: "drop", RETURN: "return" } as const;

/** The expressions of a rule, in iptables' order. Throws for words that no rule of this suite has. */
export function expressionsFor(words: Words): Expression[] {
  const parts = { links: [], addresses: [], matches: [], verdict: [] } as Parts;
  for (let at = 0; at < words.length; ) {
    const not = words[at] === "!";
    if (not) at++;
    const [option = "", value = "", ...more] = words.slice(at, at + 4);
    at += option === "-m" ? 4 : 2;
    write(parts, option, { value, not, words: more });
  }
  const { links, addresses, matches, verdict } = parts;
  return [...links, ...addresses, ...matches, count(), ...verdict];
}

type Parts = Record<"links" | "addresses" | "matches" | "verdict", Expression[]>;

/** What follows an option. */
interface Argument {
  readonly value: string;
  readonly not: boolean;
  /** For a match: its own option, and what follows that. */
  readonly words: Words;
}

function write(parts: Parts, option: string, { value, not, words }: Argument): void {
  const { links, addresses, matches, verdict } = parts;
  if (option === "-i") links.push(...link(MetaKey.inLinkName, value, not));
  else if (option === "-o") links.push(...link(MetaKey.outLinkName, value, not));
  else if (option === "-s") addresses.push(...matchAddress("source", prefixOf(value), not));
  else if (option === "-d") addresses.push(...matchAddress("destination", prefixOf(value), not));
  else if (option === "-m") matches.push(match(value, words));
  else if (option === "-j") verdict.push(verdictOf(value));
  else throw unknown(option, value);
}

/** iptables compares a name with its NUL, and no more. */
function link(key: number, name: string, not: boolean): Expression[] {
  const operation = not ? Comparison.notEqual : Comparison.equal;
  return [
    loadMeta(key, Register.first),
    compare(Register.first, operation, Uint8Array.of(...encode(name), 0)),
  ];
}

function prefixOf(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw unknown("address", text);
  return prefix;
}

function match(name: string, [option = "", value = ""]: Words): Expression {
  if (name === "comment") return matchComment(value);
  if (name !== "conntrack" || option !== "--ctstate") throw unknown("match", name);
  const wanted = value.split(",");
  const bits = states.reduce((sum, [state, bit]) => sum | (wanted.includes(state) ? bit : 0), 0);
  return matchConnectionState(bits);
}

function verdictOf(target: string): Expression {
  const verdict = verdicts[target as keyof typeof verdicts];
  return verdict === undefined ? enter("jump", target) : decide(verdict);
}

function unknown(kind: string, text: string): Error {
  return new Error(`no rule of iptables is written here with ${kind} ${JSON.stringify(text)}`);
}

/** A rule while it is read. */
type Draft = { -readonly [K in keyof Omit<Rule, "matches" | "target">]: Rule[K] } & {
  matches: Words[];
  target?: Words;
};

/** The words of a rule as `iptables-save` prints them; undefined where it has what no rule of this suite has. */
export function wordsFrom(family: Family, { expressions, comment: note }: KernelRule) {
  const draft: Draft = { matches: [] };
  for (let at = 0; at < expressions.length; ) {
    const taken = take(family, draft, expressions.slice(at, at + 2));
    if (taken === 0) return undefined;
    at += taken;
  }
  const { matches, target, ...rest } = draft;
  if (target === undefined) return undefined;
  // Some versions of iptables note a comment where nft does.
  if (note !== undefined) matches.push(comment(note));
  return wordsOf({ ...rest, matches, target });
}

/** Reads what an expression says together with that after it; the value is how many were taken, none where it is unknown. */
function take(family: Family, draft: Draft, [first, second]: readonly ReadExpression[]): number {
  if (first?.name === "counter") return 1;
  if (first?.name === "immediate") return takeVerdict(draft, first.data?.data) ? 1 : 0;
  if (first?.name === "match" && first.data !== undefined) {
    const words = wordsOfMatch(first.data);
    if (words === undefined) return 0;
    draft.matches.push(words);
    return 1;
  }
  const compared = comparedIn(second);
  if (compared === undefined) return 0;
  if (first?.name === "meta") return takeLink(draft, first.data?.key, compared) ? 2 : 0;
  if (first?.name === "payload" && first.data !== undefined) {
    return takeAddress(family, draft, [first.data, compared]) ? 2 : 0;
  }
  return 0;
}

function takeVerdict(draft: Draft, data: Data | undefined): boolean {
  if (draft.target !== undefined || data?.verdict === undefined) return false;
  const { code, chain } = data.verdict;
  const name = Object.entries(verdicts).find(([, verdict]) => Verdict[verdict] === code)?.[0];
  const target = code === Verdict.jump ? chain : name;
  if (target !== undefined) draft.target = [target];
  return target !== undefined;
}

function wordsOfMatch(data: Match): Words | undefined {
  const text = commentOf(data);
  if (text !== undefined) return comment(text);
  const bits = connectionStateOf(data);
  if (bits === undefined) return undefined;
  const named = states.filter(([, bit]) => (bits & bit) !== 0);
  const sum = named.reduce((all, [, bit]) => all | bit, 0);
  return sum === bits ? connectionState(named.map(([state]) => state).join(",")) : undefined;
}

interface Compared {
  readonly bytes: Uint8Array;
  readonly not: boolean;
}

function comparedIn(expression: ReadExpression | undefined): Compared | undefined {
  if (expression?.name !== "cmp" || expression.data === undefined) return undefined;
  const { operation, data } = expression.data;
  if (data?.value === undefined) return undefined;
  if (operation !== Comparison.equal && operation !== Comparison.notEqual) return undefined;
  return { bytes: data.value, not: operation === Comparison.notEqual };
}

/** Without a NUL it is the beginning of a name. */
function takeLink(draft: Draft, key: number | undefined, { bytes, not }: Compared): boolean {
  const end = bytes.indexOf(0);
  if (end <= 0) return false;
  const name = operand(decode(bytes.subarray(0, end)), not);
  if (key === MetaKey.inLinkName) draft.in = name;
  else if (key === MetaKey.outLinkName) draft.out = name;
  else return false;
  return true;
}

function takeAddress(
  family: Family,
  draft: Draft,
  [{ base, offset, length = 0 }, { bytes, not }]: [PacketBytes, Compared],
): boolean {
  if (base !== PayloadBase.network || bytes.length !== length) return false;
  const side = sides.find((one) => addressField(family, one).offset === offset);
  const { length: whole } = addressField(family, "source");
  if (side === undefined || length > whole) return false;
  const all = new Uint8Array(whole);
  all.set(bytes);
  draft[side] = operand({ address: fromBytes(all), length: 8 * length }, not);
  return true;
}

interface PacketBytes {
  readonly base?: number;
  readonly offset?: number;
  readonly length?: number;
}

const sides: readonly Side[] = ["source", "destination"];

function operand<T>(value: T, not: boolean): Operand<T> {
  return not ? { not: value } : value;
}
