/**
 * Table "filter" as iptables-nft keeps it in nf_tables, read and changed without a program. A chain is read when it is
 * asked for: of a busy host's thousands few matter here.
 */

import { type Family, toBytes } from "../ip/address.ts";
import { parsePrefix } from "../ip/prefix.ts";
import type { Request } from "../netlink/message.ts";
import type { NetlinkSocket } from "../netlink/socket.ts";
import {
  addChain,
  type BaseChain,
  deleteChain,
  Hook,
  isSameBase,
  type ListedChain,
  Priority,
} from "../nftables/chain.ts";
import type { ChainKey } from "../nftables/message.ts";
import {
  appendRule,
  deleteRule,
  dumpRules,
  flushChain,
  insertRule,
  type ListedRule,
} from "../nftables/rule.ts";
import { addTable } from "../nftables/table.ts";
import { encode } from "../sys/text.ts";
import { expressionsFor, wordsFrom } from "./kernel-rule.ts";
import { type Step, type Table, tellingText, UnreadableTableError } from "./table.ts";
import { sameWords, type Words } from "./words.ts";

const name = "filter";

/** The chains that packets come to, as iptables-nft makes them. */
const builtIn = new Map<string, BaseChain>(
  Object.entries({ INPUT: Hook.input, FORWARD: Hook.forward, OUTPUT: Hook.output }).map(
    ([chain, hook]) => [chain, { type: "filter", hook, priority: Priority.filter }],
  ),
);

/** A rule whose words are read when they are asked for. */
interface ReadRule {
  readonly rule: ListedRule;
  readonly words: Words;
}

/** What the table held when it was read. */
export class KernelTable implements Table {
  readonly family: Family;
  readonly #socket: NetlinkSocket;
  readonly #chains: ReadonlyMap<string, ListedChain>;
  readonly #read = new Map<string, readonly ReadRule[]>();

  /** Of the chains, which may be all that there are, it takes those of the family's table. */
  constructor(socket: NetlinkSocket, family: Family, chains: readonly ListedChain[]) {
    this.#socket = socket;
    this.family = family;
    const { family: number } = this.key("");
    const own = chains.filter((chain) => chain.table === name && chain.family === number);
    this.#chains = new Map(own.map((chain) => [chain.chain, chain]));
  }

  /** How nf_tables calls a chain. */
  key(chain: string): ChainKey {
    return { family: `ipv${this.family}`, table: name, chain };
  }

  get isEmpty(): boolean {
    return this.#chains.size === 0;
  }

  hasChain(chain: string): boolean {
    return this.#chains.has(chain);
  }

  count(chain: string): number {
    return this.#kept(chain).length;
  }

  rules(chain: string): readonly Words[] {
    return this.#kept(chain).map(({ words }) => words);
  }

  rulesAbout(chain: string, text: string): readonly Words[] {
    return this.keptAbout(chain, text).map(({ words }) => words);
  }

  /** The same, with what is needed to delete them. */
  keptAbout(chain: string, text: string): readonly ReadRule[] {
    const wanted = formsOf(text);
    return this.#kept(chain).filter(
      ({ rule }) =>
        wanted.some((form) => holds(rule.bytes, form)) ||
        // Some versions of iptables note a comment where nft does.
        rule.comment?.includes(text),
    );
  }

  #kept(chain: string): readonly ReadRule[] {
    if (!this.hasChain(chain)) return [];
    let rules = this.#read.get(chain);
    if (rules === undefined) {
      const found = this.#socket.dump(dumpRules(this.key(chain)));
      rules = found.map((rule) => readLater(this.family, rule));
      this.#read.set(chain, rules);
    }
    return rules;
  }

  /**
   * Throws UnreadableTableError where packets come to a chain that iptables did not make: what it decides is no matter of
   * the chains that iptables has.
   */
  requireOwn(): void {
    for (const { chain, base } of this.#chains.values()) {
      if (isSameBase(base, builtIn.get(chain))) continue;
      throw new UnreadableTableError(`table "${name}" holds chains that nft made`);
    }
  }
}

/** What nobody here writes is told apart from everything else, and counts as a rule. */
function readLater(family: Family, rule: ListedRule): ReadRule {
  let words: Words | undefined;
  return {
    rule,
    get words() {
      words ??= wordsFrom(family, rule) ?? ["unknown", `${rule.handle}`];
      return words;
    },
  };
}

/** What stands in a rule for a text: itself, and an address where it is one, of a network only its whole bytes. */
function formsOf(text: string): Uint8Array[] {
  const prefix = text.includes("/") ? parsePrefix(text) : undefined;
  if (prefix === undefined) return [encode(text)];
  return [toBytes(prefix.address).subarray(0, prefix.length >> 3), encode(text)];
}

/** By the last byte, in which addresses of a network differ. */
function holds(bytes: Uint8Array, wanted: Uint8Array): boolean {
  const end = wanted.length - 1;
  const last = wanted[end];
  if (last === undefined) return true;
  for (let at = bytes.indexOf(last, end); at >= 0; at = bytes.indexOf(last, at + 1)) {
    let same = 1;
    while (same <= end && bytes[at - same] === wanted[end - same]) same++;
    if (same > end) return true;
  }
  return false;
}

/** The changes that make the steps. Throws UnreadableTableError for a rule to be added where iptables could not. */
export function requestsFor(table: KernelTable, steps: readonly Step[]): Request[] {
  const made = new Set<string>();
  const gone = new Set<ListedRule>();
  if (steps.some(([verb]) => verb === "-A" || verb === "-I")) table.requireOwn();
  const requests: Request[] = table.isEmpty && steps.length > 0 ? [addTable(table.key(""))] : [];
  for (const [verb = "", chain = "", ...words] of steps) {
    const key = table.key(chain);
    const base = builtIn.get(chain);
    if (base !== undefined && !table.hasChain(chain) && !made.has(chain)) {
      made.add(chain);
      requests.push(addChain(key, base));
    }
    if (verb === "-D") requests.push(deletion(table, chain, { words, gone }));
    else requests.push(change(verb, key, words));
  }
  return requests;
}

function change(verb: string, key: ChainKey, words: Words): Request {
  switch (verb) {
    case "-N":
      return addChain(key);
    case "-F":
      return flushChain(key);
    case "-X":
      return deleteChain(key);
    case "-A":
      return appendRule(key, { expressions: expressionsFor(words) });
    case "-I":
      // The place before the rule is always the first.
      return insertRule(key, { expressions: expressionsFor(words.slice(1)) });
    default:
      throw new Error(`no step begins with ${JSON.stringify(verb)}`);
  }
}

/** Of rules that say the same, each step takes another. */
function deletion(
  table: KernelTable,
  chain: string,
  { words, gone }: { readonly words: Words; readonly gone: Set<ListedRule> },
): Request {
  const found = table
    .keptAbout(chain, tellingText(words))
    .find((read) => !gone.has(read.rule) && sameWords(words, read.words));
  if (found === undefined) throw new Error(`chain ${chain} has no rule "${words.join(" ")}"`);
  gone.add(found.rule);
  return deleteRule(table.key(chain), found.rule);
}
