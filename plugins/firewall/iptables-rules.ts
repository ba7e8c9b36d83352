/**
 * The rules of the iptables backend: the reference's chains and words. They do not say whose they are, so a chain that no
 * packet comes to keeps that: it is changed in the same stroke as they are, and goes when they are wiped.
 */

import { formatPrefix, type Prefix } from "../../pkg/ip/prefix.ts";
import { comment, connectionState, type Rule } from "../../pkg/iptables/rule.ts";
import type { Table } from "../../pkg/iptables/table.ts";
import type { Words } from "../../pkg/iptables/words.ts";
import type { Policy } from "./config.ts";
import type { Wish } from "./wish.ts";

/** The reference's chains in table "filter", and the one that tells whose the rules are. */
export const Chain = {
  entry: "FORWARD",
  forward: "CNI-FORWARD",
  stage1: "CNI-ISOLATION-STAGE-1",
  stage2: "CNI-ISOLATION-STAGE-2",
  owners: "CNI-FIREWALL-OWNERS",
} as const;

/** FORWARD leads to the rules of containers. */
export const toForward: Rule = {
  matches: [comment("CNI firewall plugin rules")],
  target: [Chain.forward],
};

/** What the administrator decided comes before them. */
export function toAdmin(chain: string): Rule {
  return { matches: [comment("CNI firewall plugin admin overrides")], target: [chain] };
}

/** What an address sends passes, and what answers it. */
export function acceptRules(address: Prefix): Rule[] {
  return [
    {
      destination: address,
      matches: [connectionState("RELATED,ESTABLISHED")],
      target: ["ACCEPT"],
    },
    { source: address, target: ["ACCEPT"] },
  ];
}

const bothPolicies = comment("CNI firewall plugin rules (ingressPolicy: same-bridge|isolated)");
const onePolicy = (policy: Policy) =>
  comment(`CNI firewall plugin rules (ingressPolicy: ${policy})`);

/** FORWARD leads to the policies. */
export const toStage1: Rule = { matches: [bothPolicies], target: [Chain.stage1] };

/** Both stages end so. */
export const back: Rule = { matches: [bothPolicies], target: ["RETURN"] };

/** From a bridge with a policy to another such: the second stage asks where to. */
export function leaving(bridge: string, policy: Policy): Rule {
  return { in: bridge, out: { not: bridge }, matches: [onePolicy(policy)], target: [Chain.stage2] };
}

/** From the bridge back to it. */
export function within(bridge: string): Rule {
  return { in: bridge, out: bridge, matches: [onePolicy("isolated")], target: ["DROP"] };
}

/** To a bridge with a policy, from another such. */
export function entering(bridge: string): Rule {
  return { out: bridge, matches: [bothPolicies], target: ["DROP"] };
}

/** Whose an address is. */
export interface OwnerRecord {
  readonly owner: string;
  readonly address: string;
  readonly policy: Policy;
  readonly bridge: string | undefined;
  /** As the table has it. */
  readonly words: Words;
}

/** The records that a wish makes in a family's table. */
export function recordRules({ owner, policy, bridge }: Wish, addresses: readonly Prefix[]): Rule[] {
  return addresses.map((source) => ({
    source,
    in: bridge,
    matches: [comment(`${owner} ${policy}`)],
    target: ["RETURN"],
  }));
}

/** The records of a table; with a text those that hold it, and maybe others. */
export function recordsIn(table: Table, text = ""): OwnerRecord[] {
  return table.rulesAbout(Chain.owners, text).map((words) => {
    const after = (option: string) => words[words.indexOf(option) + 1] ?? "";
    const [owner = "", policy = ""] = after("--comment").split(" ");
    return {
      owner,
      policy: policy as Policy,
      address: after("-s"),
      bridge: words.includes("-i") ? after("-i") : undefined,
      words,
    };
  });
}

/** An address as records have it. */
export function textOf(address: Prefix): string {
  return formatPrefix(address);
}

/** The addresses that CNI-FORWARD lets through. */
export function acceptedIn(table: Table): string[] {
  return table
    .rules(Chain.forward)
    .filter((words) => words.length === 4 && words[0] === "-s" && words[3] === "ACCEPT")
    .map((words) => words[1] ?? "");
}
