/** `conditionsV4` and `conditionsV6`: a small part of what `nft` understands, read here and never passed on as text. */

import type { Family } from "../../pkg/ip/address.ts";
import { parseAddress } from "../../pkg/ip/address.ts";
import { hostPrefix, parsePrefix } from "../../pkg/ip/prefix.ts";
import type { Expression } from "../../pkg/nftables/expression.ts";
import {
  IpProtocol,
  matchAddress,
  matchLinkName,
  matchPort,
  matchProtocol,
  type Side,
} from "../../pkg/nftables/match.ts";
import { refuse } from "../../pkg/skel/refuse.ts";

const sides: Readonly<Record<string, Side>> = {
  saddr: "source",
  daddr: "destination",
  sport: "source",
  dport: "destination",
};

/** IFNAMSIZ less the NUL, linux/if.h */
const longestName = 15;

/** The expressions of a family's conditions. Throws code 7, naming the word it cannot read. */
export function parseConditions(family: Family, list: readonly string[] = []): Expression[] {
  const words = list
    .join(" ")
    .split(/\s+/)
    .filter((word) => word !== "");
  const expressions: Expression[] = [];
  while (words.length > 0) expressions.push(...parseOne(family, words));
  return expressions;
}

/** Takes one condition off the words: `ip saddr != 10.0.0.0/8`, `iifname eth0`, `tcp sport 1024`. */
function parseOne(family: Family, words: string[]): Expression[] {
  const subject = take(words);
  if (subject === "meta") return parseLink(take(words), words);
  if (subject === "iifname" || subject === "oifname") return parseLink(subject, words);
  if (subject === "ip" || subject === "ip6") return parseAddressOf(family, subject, words);
  if (subject === "tcp" || subject === "udp" || subject === "sctp") {
    return [...matchProtocol(IpProtocol[subject]), ...parsePort(words)];
  }
  unreadable(subject);
}

function parseLink(subject: string, words: string[]): Expression[] {
  if (subject !== "iifname" && subject !== "oifname") unreadable(subject);
  const not = takeOperator(words);
  const word = take(words);
  const name = /^"[^"]*"$/.test(word) ? word.slice(1, -1) : word;
  if (!/^[\w.:@-]+\*?$/.test(name) || name.length > longestName) unreadable(word);
  return matchLinkName(subject === "iifname" ? "in" : "out", name, not);
}

function parseAddressOf(family: Family, subject: string, words: string[]): Expression[] {
  if ((subject === "ip") !== (family === 4)) unreadable(subject);
  const word = take(words);
  if (word !== "saddr" && word !== "daddr") unreadable(word);
  const not = takeOperator(words);
  const text = take(words);
  const address = parseAddress(text);
  const prefix = address === undefined ? parsePrefix(text) : hostPrefix(address);
  if (prefix?.address.family !== family) unreadable(text);
  return matchAddress(sides[word] ?? "source", prefix, not);
}

function parsePort(words: string[]): Expression[] {
  const word = take(words);
  if (word !== "sport" && word !== "dport") unreadable(word);
  const not = takeOperator(words);
  const text = take(words);
  const port = /^\d{1,5}$/.test(text) ? Number(text) : -1;
  if (port < 0 || port > 65535) unreadable(text);
  return matchPort(sides[word] ?? "source", port, not);
}

function takeOperator(words: string[]): boolean {
  if (words[0] !== "==" && words[0] !== "!=") return false;
  return take(words) === "!=";
}

function take(words: string[]): string {
  return words.shift() ?? refuse("a condition ends too early");
}

function unreadable(word: string): never {
  refuse(`cannot read the condition at ${JSON.stringify(word)}`);
}
