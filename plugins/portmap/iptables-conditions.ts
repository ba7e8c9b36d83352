/** `conditionsV4` and `conditionsV6` for iptables: some of its words, read here, and given on only as what they were read as. */

import type { Family } from "../../pkg/ip/address.ts";
import { parseAddress } from "../../pkg/ip/address.ts";
import { hostPrefix, network, type Prefix, parsePrefix } from "../../pkg/ip/prefix.ts";
import type { Operand, Rule } from "../../pkg/iptables/rule.ts";
import type { Words } from "../../pkg/iptables/words.ts";
import { refuse } from "../../pkg/skel/refuse.ts";

/** What conditions say of a rule. */
export type Conditions = Pick<Rule, "source" | "destination" | "in" | "out" | "matches">;

/** What is being put together. */
interface Draft {
  source?: Operand<Prefix>;
  destination?: Operand<Prefix>;
  in?: Operand<string>;
  out?: Operand<string>;
  readonly matches: Words[];
}

/** Maps, since words of the configuration are looked up: an object has names that nobody gave it. */
const addressOptions: ReadonlyMap<string, "source" | "destination"> = new Map([
  ["-s", "source"],
  ["--source", "source"],
  ["--src", "source"],
  ["-d", "destination"],
  ["--destination", "destination"],
  ["--dst", "destination"],
]);

const linkOptions: ReadonlyMap<string, "in" | "out"> = new Map([
  ["-i", "in"],
  ["--in-interface", "in"],
  ["-o", "out"],
  ["--out-interface", "out"],
]);

/** What the value of an option may be, as `iptables-save` spells it. */
type Reader = (word: string) => string[];

/** The options of the extensions that are understood. */
const extensions: ReadonlyMap<string, ReadonlyMap<string, Reader>> = new Map([
  [
    "addrtype",
    new Map([
      ["--src-type", addressType],
      ["--dst-type", addressType],
    ]),
  ],
  ["mark", new Map([["--mark", mark]])],
  ["set", new Map([["--match-set", (word: string) => [setName(word)]]])],
]);

/** IFNAMSIZ less the NUL, linux/if.h */
const longestLinkName = 15;
/** IPSET_MAXNAMELEN less its NUL, linux/netfilter/ipset/ip_set.h */
const longestSetName = 31;

/** The conditions of a family. Throws code 7, naming the word it cannot read. */
export function parseIptablesConditions(family: Family, list: readonly string[] = []): Conditions {
  const words = list
    .join(" ")
    .split(/\s+/)
    .filter((word) => word !== "");
  const draft: Draft = { matches: [] };
  while (words.length > 0) parseOne(family, words, draft);
  return draft;
}

/** Takes one condition off the words: `! -s 10.0.0.0/8`, `-i eth0`, `-m mark --mark 0x1/0x1`. */
function parseOne(family: Family, words: string[], draft: Draft): void {
  const not = takeNot(words);
  const option = take(words);
  const side = addressOptions.get(option);
  const end = linkOptions.get(option);
  if (side !== undefined) {
    once(draft[side], option);
    const text = take(words);
    const prefix = addressOf(family, text);
    if (prefix.length > 0) draft[side] = operand(not, prefix);
    // Everything is no condition, and iptables-save tells none; no flavour agrees on what nothing is.
    else if (not) unreadable(text);
  } else if (end !== undefined) {
    once(draft[end], option);
    draft[end] = operand(not, linkName(take(words)));
  } else if ((option === "-m" || option === "--match") && !not) {
    draft.matches.push(extension(words));
  } else {
    unreadable(option);
  }
}

function once(before: unknown, option: string): void {
  if (before !== undefined) refuse(`conditions say ${option} twice`);
}

function operand<T>(not: boolean, value: T): T | { readonly not: T } {
  return not ? { not: value } : value;
}

function addressOf(family: Family, text: string): Prefix {
  const address = parseAddress(text);
  const prefix = address === undefined ? parsePrefix(text) : hostPrefix(address);
  if (prefix?.address.family !== family) unreadable(text);
  return network(prefix);
}

/** Not those that iptables would take for the beginning of others. */
function linkName(name: string): string {
  if (!/^[\w.:@-]+$/.test(name) || name.length > longestLinkName) unreadable(name);
  return name;
}

function extension(words: string[]): Words {
  const name = take(words);
  const options = extensions.get(name);
  if (options === undefined) unreadable(name);
  const not = takeNot(words);
  const option = take(words);
  const read = options.get(option);
  if (read === undefined) unreadable(option);
  const value = read(take(words));
  if (name === "set") value.push(directions(take(words)));
  return [name, ...(not ? ["!"] : []), option, ...value];
}

/** RTN_*, as xt_addrtype names them */
const addressTypes: readonly string[] = [
  "UNSPEC",
  "UNICAST",
  "LOCAL",
  "BROADCAST",
  "ANYCAST",
  "MULTICAST",
  "BLACKHOLE",
  "UNREACHABLE",
  "PROHIBIT",
  "THROW",
  "NAT",
  "XRESOLVE",
];

function addressType(word: string): string[] {
  if (!addressTypes.includes(word)) unreadable(word);
  return [word];
}

const allBits = 0xffff_ffff;

function mark(word: string): string[] {
  const [value = "", mask, ...rest] = word.split("/");
  const bits = [value, mask ?? `${allBits}`].map((text) => {
    const number = /^(0x[0-9a-f]{1,8}|\d{1,10})$/i.test(text) ? Number(text) : -1;
    if (number < 0 || number > allBits || rest.length > 0) unreadable(word);
    return number;
  });
  const [wanted = 0, care = 0] = bits.map((number) => number);
  return [care === allBits ? hex(wanted) : `${hex(wanted)}/${hex(care)}`];
}

function hex(number: number): string {
  return `0x${number.toString(16)}`;
}

function setName(word: string): string {
  if (!/^[\w.:@][\w.:@-]*$/.test(word) || word.length > longestSetName) unreadable(word);
  return word;
}

function directions(word: string): string {
  if (!/^(src|dst)(,(src|dst)){0,5}$/.test(word)) unreadable(word);
  return word;
}

function takeNot(words: string[]): boolean {
  if (words[0] !== "!") return false;
  words.shift();
  return true;
}

function take(words: string[]): string {
  return words.shift() ?? refuse("a condition ends too early");
}

function unreadable(word: string): never {
  refuse(`cannot read the condition at ${JSON.stringify(word)}`);
}
