/** The bridge plugin's configuration: its table, and what the keys mean together. */

import * as v from "valibot";
import { integer, mac, mtuEntries } from "../../pkg/skel/field.ts";
import { saysLinkName, saysWithin } from "../../pkg/skel/json-schema.ts";
import { checkMasqueradeConfig, masqueradeEntries } from "../../pkg/skel/masquerade.ts";
import { refuse } from "../../pkg/skel/refuse.ts";
import { checkVlans, highestVlan } from "./vlans.ts";

const flag = v.optional(v.boolean(), false);
const vlanId = v.optional(v.pipe(integer(), saysWithin(1, highestVlan)));
/** IFNAMSIZ less its NUL, linux/if.h */
const longestName = 15;

/** Keys besides the common ones; README.md says what each does. */
export const bridgeEntries = {
  bridge: v.optional(v.pipe(v.string(), saysLinkName), "cni0"),
  isGateway: flag,
  isDefaultGateway: flag,
  forceAddress: flag,
  ...mtuEntries,
  hairpinMode: flag,
  promiscMode: flag,
  enabledad: flag,
  disableContainerInterface: flag,
  portIsolation: flag,
  ...masqueradeEntries,
  vlan: v.optional(v.pipe(integer(), saysWithin(0, highestVlan)), 0),
  vlanTrunk: v.optional(v.array(v.object({ minID: vlanId, maxID: vlanId, id: vlanId }))),
  preserveDefaultVlan: flag,
  macspoofchk: flag,
  args: v.optional(v.object({ cni: v.optional(v.object({ mac: v.optional(mac) })) })),
  runtimeConfig: v.optional(v.object({ mac: v.optional(mac) })),
};

/** The configuration as the plugin's verbs see it. */
export type BridgeConfig = v.InferOutput<v.ObjectSchema<typeof bridgeEntries, undefined>> & {
  readonly ipam?: { readonly type: string };
};

/** Refuses keys that do not go together, and values that cannot be. */
export function checkConfig(config: BridgeConfig): void {
  checkVlans(config);
  if (config.hairpinMode && config.promiscMode) {
    refuse("cannot set hairpin mode and promiscuous mode at the same time");
  }
  if (config.disableContainerInterface && (config.ipam?.type ?? "") !== "") {
    refuse("cannot use IPAM when DisableContainerInterface flag is set");
  }
  checkMasqueradeConfig(config);
  const gateway = vlanGatewayName(config);
  if (config.vlan !== 0 && isGateway(config) && gateway.length > longestName) {
    refuse(`the name of the VLAN's gateway interface is too long: "${gateway}"`);
  }
}

/** The interface that has the gateways' addresses of a VLAN. */
export function vlanGatewayName({ bridge, vlan }: BridgeConfig): string {
  return `${bridge}.${vlan}`;
}

/** True if the gateway's address goes on the bridge. */
export function isGateway(config: BridgeConfig): boolean {
  return config.isGateway || config.isDefaultGateway;
}
