/** The bridge plugin's configuration: its table, and what the keys mean together. */

import * as v from "valibot";
import { CniError, ErrorCode } from "../../pkg/cni/error.ts";
import { formatMac, parseMac } from "../../pkg/ip/mac.ts";
import { integer, mac, mtu } from "../../pkg/skel/field.ts";
import { checkMasqueradeConfig, masqueradeEntries } from "../../pkg/skel/masquerade.ts";

const flag = v.optional(v.boolean(), false);

/** Keys besides the common ones; README.md says what each does. */
export const bridgeEntries = {
  bridge: v.optional(v.string(), "cni0"),
  isGateway: flag,
  isDefaultGateway: flag,
  forceAddress: flag,
  mtu: v.optional(mtu, 0),
  hairpinMode: flag,
  promiscMode: flag,
  enabledad: flag,
  disableContainerInterface: flag,
  portIsolation: flag,
  ...masqueradeEntries,
  vlan: v.optional(integer(), 0),
  vlanTrunk: v.optional(v.array(v.unknown()), []),
  preserveDefaultVlan: flag,
  macspoofchk: flag,
  args: v.optional(v.object({ cni: v.optional(v.object({ mac: v.optional(mac) })) })),
  runtimeConfig: v.optional(v.object({ mac: v.optional(mac) })),
};

/** The configuration as the plugin's verbs see it. */
export type BridgeConfig = v.InferOutput<v.ObjectSchema<typeof bridgeEntries, undefined>> & {
  readonly ipam?: { readonly type: string };
};

/** Refuses keys that do not go together, and those that this version cannot honour (code 2). */
export function checkConfig(config: BridgeConfig): void {
  if (config.hairpinMode && config.promiscMode) {
    throw invalid("cannot set hairpin mode and promiscuous mode at the same time");
  }
  if (config.disableContainerInterface && (config.ipam?.type ?? "") !== "") {
    throw invalid("cannot use IPAM when DisableContainerInterface flag is set");
  }
  checkMasqueradeConfig(config);
  if (config.vlan !== 0) throw unsupported("vlan", config.vlan);
  if (config.vlanTrunk.length > 0) throw unsupported("vlanTrunk", config.vlanTrunk);
}

/** The MAC address asked for, in the kernel's notation: the runtime's word counts most, then `args`, then CNI_ARGS. */
export function wantedMac(
  { runtimeConfig, args }: BridgeConfig,
  cniArgs: Readonly<Record<string, string>>,
): string | undefined {
  const text = runtimeConfig?.mac || args?.cni?.mac || cniArgs.MAC || "";
  if (text === "") return undefined;
  const bytes = parseMac(text);
  if (bytes === undefined) throw invalid(`address ${text}: invalid MAC address`);
  return formatMac(bytes);
}

/** True if the gateway's address goes on the bridge. */
export function isGateway(config: BridgeConfig): boolean {
  return config.isGateway || config.isDefaultGateway;
}

function invalid(message: string): CniError {
  return new CniError(ErrorCode.invalidConfig, message);
}

function unsupported(key: string, value: unknown): CniError {
  const message = `unsupported field "${key}" with value ${JSON.stringify(value)}`;
  return new CniError(ErrorCode.unsupportedField, message);
}
