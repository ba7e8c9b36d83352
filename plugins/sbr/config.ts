/** The sbr plugin's configuration, and what it says of addresses and gateways together with the result before it. */

import * as v from "valibot";
import { toAddress, toPrefix } from "../../pkg/cni/addresses.ts";
import type { IpConfig, Result } from "../../pkg/cni/result.ts";
import { type Address, type Family, parseAddress } from "../../pkg/ip/address.ts";
import type { Prefix } from "../../pkg/ip/prefix.ts";
import { integer } from "../../pkg/skel/field.ts";
import { saysAddress } from "../../pkg/skel/json-schema.ts";
import { refuse } from "../../pkg/skel/refuse.ts";

/** One of each family. */
const saysAtMostTwo = v.metadata<string[], { maxItems: number }>({ maxItems: 2 });

/** Keys besides the common ones; README.md says what each does. */
export const sbrEntries = {
  table: v.optional(integer(1, 0xffffffff)),
  gateways: v.optional(v.pipe(v.array(v.pipe(v.string(), saysAddress)), saysAtMostTwo), []),
  addSourceHints: v.optional(v.boolean(), false),
  rulePriority: v.optional(integer(0, 0xffffffff)),
};

/** The configuration as the plugin's verbs see it. */
export type SbrConfig = v.InferOutput<v.ObjectSchema<typeof sbrEntries, undefined>>;

/** A gateway of each family, as far as there is one. */
export type Gateways = { readonly [F in Family]?: Address };

/** An address of the interface, and the way out for what it sends. */
export interface Source {
  readonly prefix: Prefix;
  readonly gateway?: Address;
}

/** The gateways that the configuration names. Throws in the reference's words. */
export function staticGateways({ gateways }: SbrConfig): Gateways {
  if (gateways.length > 2) {
    refuse("gateways list cannot contain more than 2 entries (one IPv4, one IPv6)");
  }
  const found: { [F in Family]?: Address } = {};
  const texts: { [F in Family]?: string } = {};
  for (const text of gateways) {
    const address = parseAddress(text) ?? refuse(`invalid static gateway IP address: ${text}`);
    const { family } = address;
    if (found[family] !== undefined) {
      const both = `${texts[family]} and ${text}`;
      refuse(`gateways list contains multiple IPv${family} addresses: ${both}`);
    }
    found[family] = address;
    texts[family] = text;
  }
  return found;
}

/** The result's addresses of the interface: those that name it, and those that name none. */
export function ownIps({ ips = [], interfaces = [] }: Result, ifName: string): IpConfig[] {
  return ips.filter(({ interface: place }) => {
    const named = place === undefined ? undefined : interfaces[place];
    return named === undefined || named.name === ifName;
  });
}

/**
 * The addresses with their gateways: the configuration's, else the address's own, else that of the result's default
 * route. Throws where there is no address.
 */
export function sourcesOf(config: SbrConfig, result: Result, ifName: string): Source[] {
  const fixed = staticGateways(config);
  const ips = ownIps(result, ifName);
  if (ips.length === 0) throw new Error(`No IP addresses supplied on interface: ${ifName}`);
  return ips.map(({ address, gateway }) => {
    const prefix = toPrefix(address);
    const { family } = prefix.address;
    const own = gateway === undefined ? undefined : toAddress(gateway);
    return { prefix, gateway: fixed[family] ?? own ?? defaultGateway(result, family) };
  });
}

function defaultGateway({ routes = [] }: Result, family: Family): Address | undefined {
  for (const { dst, gw } of routes) {
    const { address, length } = toPrefix(dst);
    if (gw === undefined || length !== 0 || address.family !== family) continue;
    return toAddress(gw);
  }
  return undefined;
}
