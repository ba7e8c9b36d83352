/** Which gateways and default routes the IPAM plugin's answer leads to. */

import { toAddress, toPrefix } from "../../pkg/cni/addresses.ts";
import type { IpConfig, Result, Route } from "../../pkg/cni/result.ts";
import { formatAddress, offset } from "../../pkg/ip/address.ts";
import {
  defaultPrefix,
  formatPrefix,
  network,
  type Prefix,
  samePrefix,
} from "../../pkg/ip/prefix.ts";
import { type BridgeConfig, isGateway } from "./config.ts";

/** The container's addresses and routes, gateways filled in as the configuration has it. */
export function withGateways(
  config: BridgeConfig,
  { ips = [], routes = [] }: Pick<Result, "ips" | "routes">,
): { ips: IpConfig[]; routes: Route[] } {
  if (!isGateway(config)) return { ips, routes };
  const completed = ips.map((ip) => ({ ...ip, gateway: ip.gateway ?? firstAddress(ip.address) }));
  if (!config.isDefaultGateway) return { ips: completed, routes };
  const further: Route[] = [];
  for (const { gateway } of completed) {
    const destination = defaultPrefix(toAddress(gateway).family);
    // One without a next hop counts too: it goes by this gateway anyway, and twice the same fails.
    const isThere = [...routes, ...further].some(({ dst }) =>
      samePrefix(network(toPrefix(dst)), destination),
    );
    if (!isThere) further.push({ dst: formatPrefix(destination), gw: gateway });
  }
  return { ips: completed, routes: [...routes, ...further] };
}

/** The addresses the bridge itself gets: each gateway, with its network's prefix length. */
export function bridgeAddresses(config: BridgeConfig, ips: readonly IpConfig[]): Prefix[] {
  if (!isGateway(config)) return [];
  return ips
    .filter((ip): ip is IpConfig & { gateway: string } => ip.gateway !== undefined)
    .map((ip) => ({ address: toAddress(ip.gateway), length: toPrefix(ip.address).length }));
}

function firstAddress(cidr: string): string {
  const first = offset(network(toPrefix(cidr)).address, 1n);
  if (first === undefined) throw new Error(`cannot derive a gateway of ${cidr}: no address left`);
  return formatAddress(first);
}
