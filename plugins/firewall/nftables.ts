/** The nftables backend: one transaction, no program. Every rule of a container tells in a note whose it is. */

import type { Request } from "../../pkg/netlink/message.ts";
import type { NetlinkSocket } from "../../pkg/netlink/socket.ts";
import {
  addMissingChain,
  dumpChains,
  isSameChain,
  type ListedChain,
} from "../../pkg/nftables/chain.ts";
import { enter } from "../../pkg/nftables/expression/immediate.ts";
import { fillChain } from "../../pkg/nftables/fill.ts";
import type { ChainKey, TableKey } from "../../pkg/nftables/message.ts";
import {
  appendRule,
  deleteRule,
  dumpRules,
  insertRule,
  type Rule,
} from "../../pkg/nftables/rule.ts";
import { addTable } from "../../pkg/nftables/table.ts";
import { transact } from "../../pkg/nftables/transaction.ts";
import type { Policy } from "./config.ts";
import { type Found, find, isolationChanges, isolationRules } from "./isolation.ts";
import {
  acceptRules,
  concerns,
  containerChains,
  hostPlaces,
  jumpTo,
  Own,
  ownBase,
  ownPlace,
  type Place,
  table,
  tableComment,
} from "./places.ts";
import type { Wish } from "./wish.ts";

/** What is there: chains of all tables, and the rules of ours and of those chains that hold containers'. */
interface Present {
  readonly chains: readonly ListedChain[];
  readonly rules: readonly Found[];
}

/** Whose a rule is, and what it wants of a bridge. */
interface Note {
  readonly owner: string;
  readonly policy: Policy;
  readonly bridge: string;
}

function noteOf({ owner, policy, bridge = "" }: Wish): string {
  return `${owner} ${policy} ${bridge}`;
}

function readNote({ owner: note = "" }: Rule): Note {
  const [owner = "", policy = "open", bridge = ""] = note.split(" ");
  return { owner, policy: policy as Policy, bridge };
}

function read(socket: NetlinkSocket): Present {
  const chains = socket.dump(dumpChains());
  const rulesOf = (key: ChainKey | TableKey): Found[] =>
    socket.dump(dumpRules(key)).map((rule) => ({ key: { ...key, chain: rule.chain }, rule }));
  const own = chains.some((chain) => isSameChain(chain, Own.forward)) ? [table] : [];
  const foreign = containerChains(chains).filter(({ table: name }) => name !== table.table);
  return { chains, rules: [...own, ...foreign].flatMap(rulesOf) };
}

function isThere({ chains }: Present, wanted: ChainKey): boolean {
  return chains.some((chain) => isSameChain(chain, wanted));
}

function rulesIn({ rules }: Present, chain: ChainKey): Rule[] {
  return rules.filter(({ key }) => isSameChain(key, chain)).map(({ rule }) => rule);
}

/** Every rule with an owner. */
function ownedIn({ rules }: Present): Found[] {
  return rules.filter(({ rule }) => rule.owner !== undefined);
}

/** The notes of those in our own table, which has a rule for every address that is let through anywhere. */
function notesIn(found: readonly Found[]): Note[] {
  return found
    .filter(({ key }) => isSameChain(key, Own.containers))
    .map(({ rule }) => readNote(rule));
}

/** Lets the addresses through, in place of what the owner had. */
export function allow(socket: NetlinkSocket, wish: Wish): void {
  const wanted: Note = { ...wish, bridge: wish.bridge ?? "" };
  transact(socket, () => {
    const present = read(socket);
    const owned = ownedIn(present);
    const stale = owned.filter(({ rule }) => readNote(rule).owner === wish.owner);
    const kept = owned.filter((found) => !stale.includes(found));
    return [
      ...skeleton(present),
      ...stale.map(({ key, rule }) => deleteRule(key, rule)),
      ...placesOf(wish, present).flatMap((place) => [
        ...entryChanges(socket, present, place),
        ...containerChanges(place, wish),
      ]),
      ...bridgeChanges(present, bridgesOf([...notesIn(stale), wanted]), [...notesIn(kept), wanted]),
    ];
  });
}

function placesOf({ accept, addresses, adminChain }: Wish, { chains }: Present): Place[] {
  const host = accept ? hostPlaces(chains, adminChain) : [];
  return [ownPlace, ...host].filter((place) =>
    addresses.some(({ address }) => concerns(place, address.family)),
  );
}

/** Only where it is not there or not right: the kernel takes milliseconds for what is named again. */
function skeleton(present: Present): Request[] {
  const chains: ChainKey[] = [Own.admin, Own.containers, Own.stage1, Own.stage2];
  const entries = [Own.stage1, Own.admin, Own.containers].map(({ chain }) => [
    enter("jump", chain),
  ]);
  return [
    ...(isThere(present, Own.forward) ? [] : [addTable(table, tableComment)]),
    ...addMissingChain(present.chains, Own.forward, ownBase),
    ...chains.flatMap((chain) => addMissingChain(present.chains, chain)),
    ...fillChain(Own.forward, entries, rulesIn(present, Own.forward)),
  ];
}

/** In a table of the host: its chain leads to ours before anything else, and ours to the administrator's. */
function entryChanges(socket: NetlinkSocket, present: Present, place: Place): Request[] {
  const { entry, containers, admin } = place;
  if (entry === undefined) return [];
  const [comment, override] = entryComments;
  return [
    ...addMissingChain(present.chains, containers),
    ...addMissingChain(present.chains, admin),
    ...ensureJump(socket.dump(dumpRules(entry)), place, [entry, containers], comment),
    ...ensureJump(rulesIn(present, containers), place, [containers, admin], override),
  ];
}

const entryComments = ["CNI firewall plugin rules", "CNI firewall plugin admin overrides"] as const;

function ensureJump(
  present: readonly Rule[],
  place: Place,
  [from, to]: readonly [ChainKey, ChainKey],
  comment: string,
): Request[] {
  if (hasJump(present, to)) return [];
  return [insertRule(from, { expressions: jumpTo(place, to), comment })];
}

/** However the rule was made: counters and comments do not matter. */
function hasJump(rules: readonly Rule[], { chain }: ChainKey): boolean {
  return rules.some(({ expressions }) =>
    expressions.some(
      ({ name, data }) => name === "immediate" && data?.data?.verdict?.chain === chain,
    ),
  );
}

function containerChanges(place: Place, wish: Wish): Request[] {
  const note = { comment: wish.comment, owner: noteOf(wish) };
  return wish.addresses
    .filter(({ address }) => concerns(place, address.family))
    .flatMap((address) => acceptRules(place, address))
    .map((expressions) => appendRule(place.containers, { expressions, ...note }));
}

function bridgesOf(notes: readonly Note[]): string[] {
  return [...new Set(notes.map(({ bridge }) => bridge))].filter((bridge) => bridge !== "");
}

/** Gives bridges what those that are left on them want. */
function bridgeChanges(
  present: Present,
  bridges: readonly string[],
  left: readonly Note[],
): Request[] {
  return bridges.flatMap((bridge) => {
    const policies = left.filter((note) => note.bridge === bridge).map(({ policy }) => policy);
    return isolationChanges(bridge, strictest(policies), present.rules);
  });
}

/** Two networks may share a bridge: what one was promised the other must not take away. */
function strictest(policies: readonly Policy[]): Policy {
  if (policies.includes("isolated")) return "isolated";
  return policies.includes("same-bridge") ? "same-bridge" : "open";
}

/** Throws where something is missing. */
export function verify(socket: NetlinkSocket, wish: Wish): void {
  const present = read(socket);
  const owned = ownedIn(present).filter(({ rule }) => readNote(rule).owner === wish.owner);
  for (const place of placesOf(wish, present)) {
    for (const address of wish.addresses) {
      if (!concerns(place, address.address.family)) continue;
      for (const expressions of acceptRules(place, address)) {
        if (find([place.containers, expressions], owned) === undefined)
          throw missing(place.containers);
      }
    }
    verifyEntry(socket, present, place);
  }
  if (wish.bridge === undefined) return;
  for (const rule of isolationRules(wish.bridge, wish.policy)) {
    if (find(rule, present.rules) === undefined) throw missing(rule[0]);
  }
}

function verifyEntry(socket: NetlinkSocket, present: Present, place: Place): void {
  const { entry = Own.forward, containers, admin } = place;
  const inEntry =
    place.entry === undefined ? rulesIn(present, entry) : socket.dump(dumpRules(entry));
  if (!hasJump(inEntry, containers)) throw missing(entry);
  const beforeContainers = place.entry === undefined ? inEntry : rulesIn(present, containers);
  if (!hasJump(beforeContainers, admin)) throw missing(containers);
  if (place.entry === undefined && !hasJump(inEntry, Own.stage1)) throw missing(entry);
}

function missing({ family, table: name, chain }: ChainKey): Error {
  const families: Readonly<Record<string, string>> = { ipv4: "ip", ipv6: "ip6" };
  return new Error(
    `expected rule in chain ${families[family] ?? family} ${name} ${chain} not found`,
  );
}

/** Removes the rules of owners that are gone, wherever they are. */
export function forbid(socket: NetlinkSocket, isGone: (owner: string) => boolean): void {
  transact(socket, () => {
    const present = read(socket);
    const owned = ownedIn(present);
    const gone = owned.filter(({ rule }) => isGone(readNote(rule).owner));
    const left = notesIn(owned.filter((found) => !gone.includes(found)));
    return [
      ...gone.map(({ key, rule }) => deleteRule(key, rule)),
      ...bridgeChanges(present, bridgesOf(notesIn(gone)), left),
    ];
  });
}
