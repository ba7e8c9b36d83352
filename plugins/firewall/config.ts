/** The firewall plugin's configuration: its table, and what the keys mean together. */

import * as v from "valibot";
import { isChainName } from "../../pkg/iptables/rule.ts";
import { refuse } from "../../pkg/skel/refuse.ts";

/** Keys besides the common ones; README.md says what each does. */
export const firewallEntries = {
  backend: v.optional(v.string(), ""),
  iptablesAdminChainName: v.optional(v.string(), ""),
  firewalldZone: v.optional(v.string(), ""),
  ingressPolicy: v.optional(v.string(), ""),
};

/** The configuration as the plugin's verbs see it. */
export type FirewallConfig = v.InferOutput<v.ObjectSchema<typeof firewallEntries, undefined>>;

/** Who lets traffic pass. */
export const backends = ["iptables", "firewalld", "nftables"] as const;
export type BackendName = (typeof backends)[number];

/** Who may speak to the container: everybody; all but other bridges with a policy; not even its neighbours. */
const policies = ["open", "same-bridge", "isolated"] as const;
export type Policy = (typeof policies)[number];

/** The reference's defaults. */
const usualAdminChain = "CNI-ADMIN";
const usualZone = "trusted";

/** The chains that the plugin itself fills, and those that are always there. */
const takenChains: readonly string[] = ["INPUT", "FORWARD", "OUTPUT"];
const ownChain = /^CNI-(FORWARD|ISOLATION-.*|FIREWALL-.*)$/;

/** What the keys say, defaults filled in. */
export interface Settings {
  /** Undefined: whichever the host has. */
  readonly backend: BackendName | undefined;
  readonly adminChain: string;
  readonly zone: string;
  readonly policy: Policy;
}

/** Throws code 7 for what is no value of a key. */
export function settingsOf(config: FirewallConfig): Settings {
  const { backend, ingressPolicy, iptablesAdminChainName, firewalldZone } = config;
  const adminChain = iptablesAdminChainName || usualAdminChain;
  if (!isChainName(adminChain) || takenChains.includes(adminChain) || ownChain.test(adminChain)) {
    refuse(`invalid iptablesAdminChainName ${JSON.stringify(adminChain)}`);
  }
  const policy = (ingressPolicy || "open") as Policy;
  if (!policies.includes(policy)) refuse(`unknown ingress policy: "${ingressPolicy}"`);
  return { backend: backendOf(backend), adminChain, zone: firewalldZone || usualZone, policy };
}

function backendOf(text: string): BackendName | undefined {
  if (text === "") return undefined;
  const backend = backends.find((name) => name === text);
  return backend ?? refuse(`unrecognized backend "${text}"`);
}
