/** Gives a container the addresses that are written in its configuration, or that its runtime names. */

import * as v from "valibot";
import { toAddress, toPrefix } from "../../pkg/cni/addresses.ts";
import { CniError, ErrorCode } from "../../pkg/cni/error.ts";
import type { IpConfig } from "../../pkg/cni/result.ts";
import { formatAddress, sameAddress } from "../../pkg/ip/address.ts";
import { formatPrefix, samePrefix } from "../../pkg/ip/prefix.ts";
import { dns, route } from "../../pkg/skel/field.ts";
import { saysAddressOrNothing, saysCidr } from "../../pkg/skel/json-schema.ts";
import { definePlugin } from "../../pkg/skel/plugin.ts";
import { readSettings, type StaticAddress } from "./settings.ts";

const ips = v.array(v.pipe(v.string(), saysCidr));

const address = v.object({
  address: v.optional(v.pipe(v.string(), saysCidr), ""),
  gateway: v.optional(v.pipe(v.string(), saysAddressOrNothing)),
});

export const staticPlugin = definePlugin({
  name: "static",
  config: {
    ipam: v.optional(
      v.object({
        type: v.optional(v.string(), ""),
        addresses: v.optional(v.array(address)),
        routes: v.optional(v.array(route)),
        dns: v.optional(dns),
      }),
    ),
    runtimeConfig: v.optional(v.object({ ips: v.optional(ips) })),
    args: v.optional(v.object({ cni: v.optional(v.object({ ips: v.optional(ips) })) })),
  },
  releaseConfig: {},

  add(context) {
    const { addresses, routes, dns, unusedGateways } = readSettings(context);
    for (const gateway of unusedGateways) {
      context.log(`gateway ${formatAddress(gateway)} of CNI_ARGS is in the network of no address`);
    }
    return { ips: addresses.map(printed), routes, dns };
  },

  check(context) {
    const { addresses } = readSettings(context);
    const { prevResult, ifName } = context;
    if (!prevResult) throw new CniError(ErrorCode.internal, "Required prevResult missing");
    for (const address of addresses) {
      const fault = faultOf(address, prevResult.ips ?? []);
      if (fault === "") continue;
      const text = formatAddress(address.prefix.address);
      throw new CniError(
        ErrorCode.internal,
        `static: Failed to match addr ${text} on interface ${ifName}`,
        fault,
      );
    }
  },

  // Nothing was reserved, and nothing is read, so that no mistake can keep a container from going.
  del() {},

  status(context) {
    readSettings(context);
  },
});

function printed({ prefix, gateway }: StaticAddress): IpConfig {
  return { address: formatPrefix(prefix), gateway: gateway && formatAddress(gateway) };
}

/** In what the result differs from an address; empty where it does not. */
function faultOf({ prefix, gateway }: StaticAddress, ips: readonly IpConfig[]): string {
  const alike = ips.filter(({ address }) => sameAddress(toPrefix(address).address, prefix.address));
  const [first] = alike;
  if (!first) return "prevResult lacks the address";
  const found = alike.find(({ address }) => samePrefix(toPrefix(address), prefix));
  if (!found) return `its prefix length is ${prefix.length}, prevResult has ${first.address}`;
  if (!gateway) return "";
  const actual = found.gateway === undefined ? undefined : toAddress(found.gateway);
  if (actual && sameAddress(actual, gateway)) return "";
  return `its gateway is ${formatAddress(gateway)}, prevResult has ${found.gateway ?? "none"}`;
}
