/** The iptables backend: per family one look at table "nat" and one change of it. */

import { type StaleTest, staleChains, staleTest } from "../../pkg/filter/container-chain.ts";
import { type Address, type Family, families, parseAddress } from "../../pkg/ip/address.ts";
import { parsePrefix } from "../../pkg/ip/prefix.ts";
import { type Programs, readTable, updateTable, updateTables } from "../../pkg/iptables/program.ts";
import { type Rule, wordsOf } from "../../pkg/iptables/rule.ts";
import {
  ensureChain,
  ensureRule,
  fillChain,
  hasRule,
  leadsTo,
  removeChainFrom,
  removeJumps,
  type Step,
  type Table,
} from "../../pkg/iptables/table.ts";
import { sameWords, type Words } from "../../pkg/iptables/words.ts";
import type { Attachment } from "../../pkg/link/attachment.ts";
import { IpProtocol } from "../../pkg/nftables/match.ts";
import type { PortmapConfig } from "./config.ts";
import {
  Chain,
  commentStart,
  entries,
  type FamilyPlan,
  guardRules,
  markRule,
  masqueradeRule,
  oldChain,
  ownChain,
  ownsMark,
  planFamily,
  toEntry,
  toMasquerade,
} from "./iptables-rules.ts";
import {
  concerns,
  type Forward,
  type ProtocolName,
  type Publication,
  type Targets,
} from "./mapping.ts";

type Wanted = readonly [readonly Publication[], Targets];

/** Publishes the ports in the programs' family, in place of what was published for the container. */
export function publish(
  programs: Programs,
  owner: Attachment,
  config: PortmapConfig,
  wanted: Wanted,
): void {
  const plan = planFamily(programs.family, owner, config, wanted);
  if (plan === undefined) return;
  const guarded = config.snat && programs.family === 4;
  updateTables(programs, [
    ...(guarded ? [["raw", guardSteps] as const] : []),
    ["nat", (table) => publishSteps(table, config, plan)],
  ]);
}

function guardSteps(table: Table): Step[] {
  return guardRules.flatMap((rule) => ensureRule(table, "PREROUTING", rule, "first"));
}

function publishSteps(table: Table, config: PortmapConfig, plan: FamilyPlan): Step[] {
  const { externalSetMarkChain: external } = config;
  if (external !== undefined && !table.hasChain(external)) {
    throw new Error(`externalSetMarkChain "${external}" is no chain of table "nat"`);
  }
  return [
    ...ensureChain(table, Chain.entry),
    ...(ownsMark(config) ? markSteps(table, config) : []),
    ...fillChain(table, plan.chain, plan.own),
    ...entrySteps(table, plan),
    ...entries.flatMap((chain) => ensureRule(table, chain, toEntry)),
  ];
}

function markSteps(table: Table, config: PortmapConfig): Step[] {
  return [
    ...ensureChain(table, Chain.mark),
    ...ensureRule(table, Chain.mark, markRule(config)),
    ...ensureChain(table, Chain.masquerade),
    ...ensureRule(table, Chain.masquerade, masqueradeRule(config)),
    ...ensureRule(table, "POSTROUTING", toMasquerade, "first"),
  ];
}

/** Nothing where the ways in are right already; else all of them anew. */
function entrySteps(table: Table, { chain, entry, isCertain }: FamilyPlan): Step[] {
  const wanted = entry.map(wordsOf);
  const present = table.rules(Chain.entry).filter((words) => leadsTo(words, chain));
  const isRight =
    wanted.length === present.length &&
    wanted.every((words, index) => sameWords(words, present[index] ?? []));
  if (isRight) return [];
  const added = wanted.map((words, index) =>
    isCertain ? ["-I", Chain.entry, `${index + 1}`, ...words] : ["-A", Chain.entry, ...words],
  );
  return [...removeJumps(table, Chain.entry, chain), ...added];
}

/** Throws where a rule is missing, or one too many; changes nothing. */
export function verify(
  programs: Programs,
  owner: Attachment,
  config: PortmapConfig,
  wanted: Wanted,
): void {
  const plan = planFamily(programs.family, owner, config, wanted);
  if (plan === undefined) return;
  const what = `could not check ipv${programs.family} dnat`;
  const table = readTable(programs, "nat");
  for (const [chain, rule] of wantedRules(config, plan)) {
    if (!table.hasChain(chain)) {
      throw new Error(`${what}: chain ${chain} not found in iptables table nat`);
    }
    if (!hasRule(table, chain, rule)) {
      const text = wordsOf(rule).join(" ");
      throw new Error(`${what}: rule "${text}" in chain ${chain} not found in table nat`);
    }
  }
  if (table.rules(plan.chain).length !== plan.own.length) {
    throw new Error(`${what}: chain ${plan.chain} has rules that ADD did not make`);
  }
}

function wantedRules(config: PortmapConfig, plan: FamilyPlan): [string, Rule][] {
  const inChain = (chain: string, rules: readonly Rule[]) =>
    rules.map((rule): [string, Rule] => [chain, rule]);
  return [
    ...inChain(plan.chain, plan.own),
    ...inChain(Chain.entry, plan.entry),
    ...entries.map((chain): [string, Rule] => [chain, toEntry]),
    ...(ownsMark(config)
      ? [
          ...inChain(Chain.mark, [markRule(config)]),
          ...inChain(Chain.masquerade, [masqueradeRule(config)]),
          ...inChain("POSTROUTING", [toMasquerade]),
        ]
      : []),
  ];
}

/** Removes the container's rules, whichever suite made them; tells where they led. */
export function unpublish(
  programs: Programs,
  { network, containerId }: Pick<Attachment, "network" | "containerId">,
): Forward[] {
  let forwards: Forward[] = [];
  updateTable(programs, "nat", (table) => {
    const chain = ownChain(network, containerId);
    forwards = forwardsIn(table, chain);
    return [
      ...removeChainFrom(table, Chain.entry, chain),
      ...removeChainFrom(table, Chain.oldEntry, oldChain(network, containerId)),
    ];
  });
  return forwards;
}

/** Which rules lead to chains of the network's containers that none of these attachments has. */
export function staleRules(
  network: string,
  valid: readonly { readonly containerID: string }[],
): StaleTest {
  return staleTest({ prefix: Chain.own, before: commentStart }, network, valid);
}

/** Removes the rules of containers whose chains are gone; tells where they led. */
export function collect(programs: Programs, isStale: StaleTest): Forward[] {
  let forwards: Forward[] = [];
  updateTable(programs, "nat", (table) => {
    const gone = staleChains(table, Chain.entry, isStale);
    forwards = gone.flatMap((chain) => forwardsIn(table, chain));
    return gone.flatMap((chain) => removeChainFrom(table, Chain.entry, chain));
  });
  return forwards;
}

/** Where a container's chain sends packets. */
function forwardsIn(table: Table, chain: string): Forward[] {
  return table.rules(chain).flatMap((words) => {
    const forward = forwardOf(words);
    return forward === undefined ? [] : [forward];
  });
}

/** Undefined for a rule that only marks. */
function forwardOf(words: Words): Forward | undefined {
  const after = (option: string) => {
    const at = words.indexOf(option);
    return at < 0 ? undefined : words[at + 1];
  };
  const place = /^\[?([^\]]*)\]?:(\d+)$/.exec(after("--to-destination") ?? "");
  const target = parseAddress(place?.[1] ?? "");
  const protocol = IpProtocol[after("-p") as ProtocolName] as number | undefined;
  if (target === undefined || protocol === undefined) return undefined;
  return {
    protocol,
    hostIP: hostIPOf(after("-d")),
    ports: new Map([[Number(after("--dport")), Number(place?.[2])]]),
    target,
  };
}

function hostIPOf(text: string | undefined): Address | undefined {
  return text === undefined ? undefined : parsePrefix(text)?.address;
}

/** The families that anything is published in. */
export function familiesOf([list, targets]: Wanted): Family[] {
  return families.filter(
    (family) =>
      targets[family] !== undefined && list.some((publication) => concerns(publication, family)),
  );
}
