/** IPv6 leases and what routers tell, as a result. */

import type { Dns, Route } from "../../../pkg/cni/result.ts";
import type { Lease } from "../../../pkg/dhcp6/lease.ts";
import { type Discovery, routesOf, settingsFrom } from "../../../pkg/dhcp6/routers.ts";
import { parseAddress } from "../../../pkg/ip/address.ts";
import { contains, formatPrefix, network, parsePrefix } from "../../../pkg/ip/prefix.ts";
import type { Granted } from "../order.ts";

/** RT_SCOPE_LINK, linux/rtnetlink.h */
const linkScope = 253;
const everywhere = "::/0";

/** What there is to make a result of. */
export interface Sources {
  readonly discovery: Discovery;
  readonly lease: Lease | undefined;
  /** Addresses of the container's own making. */
  readonly own: readonly string[];
  readonly priority: number;
  /** What was granted until now: an address keeps its length, as it is on the interface with it. */
  readonly before: Granted | undefined;
}

/** The addresses, routes and name servers at this moment. Servers' settings stand before the routers'. */
export function grantOf(
  { discovery, lease, own, priority, before }: Sources,
  now: number,
): Granted {
  const offered = routesOf(discovery, now);
  const gateway = offered.find(({ prefix }) => prefix === everywhere)?.gateway;
  const onLink = offered.filter((it) => it.gateway === undefined).map(({ prefix }) => prefix);
  const addresses = [...(lease?.addresses ?? []), ...own].map((address) => {
    const known = before?.ips.find((ip) => ip.address.startsWith(`${address}/`));
    return known?.address ?? withLength(address, onLink);
  });
  const mtu = Math.min(...discovery.routers.map((it) => it.mtu ?? Number.POSITIVE_INFINITY));
  const connected = new Set(addresses.map(networkOf));
  const routes = offered
    .filter((it) => it.gateway !== undefined || !connected.has(it.prefix))
    .map(
      (it): Route => ({
        dst: it.prefix,
        gw: it.gateway,
        mtu: Number.isFinite(mtu) ? mtu : undefined,
        priority: priority === 0 ? undefined : priority,
        scope: it.gateway === undefined ? linkScope : undefined,
      }),
    );
  return {
    ips: addresses.map((address) => ({ address, gateway })),
    routes,
    dns: dnsOf(lease, discovery),
  };
}

/** DHCPv6 tells no prefix length: that of the link's prefix which holds the address, else it stands alone. */
function withLength(text: string, onLink: readonly string[]): string {
  const address = parseAddress(text);
  for (const within of onLink) {
    const prefix = parsePrefix(within);
    if (prefix && address && contains(prefix, address)) return `${text}/${prefix.length}`;
  }
  return `${text}/128`;
}

function networkOf(address: string): string {
  const prefix = parsePrefix(address);
  return prefix === undefined ? "" : formatPrefix(network(prefix));
}

function dnsOf(lease: Lease | undefined, discovery: Discovery): Dns | undefined {
  const told = settingsFrom(discovery);
  const nameservers = [...new Set([...(lease?.dns ?? []), ...told.dns])];
  const search = [...new Set([...(lease?.search ?? []), ...told.search])];
  const dns: Dns = {};
  if (nameservers.length > 0) dns.nameservers = nameservers;
  if (search.length > 0) dns.search = search;
  return Object.keys(dns).length > 0 ? dns : undefined;
}
