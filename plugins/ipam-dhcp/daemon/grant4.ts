/** An IPv4 lease as a result: what the configuration asked for, of what the server gave. */

import type { Dns, Route } from "../../../pkg/cni/result.ts";
import type { Lease } from "../../../pkg/dhcp/lease.ts";
import { Option } from "../../../pkg/dhcp/option.ts";
import { dotted } from "../../../pkg/dhcp/value.ts";
import type { Granted, Wanted4 } from "../order.ts";

/** RT_SCOPE_LINK, linux/rtnetlink.h */
const linkScope = 253;

/** The addresses, routes and name servers of a lease; only options that were requested, as the reference has it for none. */
export function grantOf(lease: Lease, { request }: Wanted4, priority: number): Granted {
  const [gateway] = lease.routers;
  const address = `${dotted(lease.address)}/${lease.prefixLength}`;
  const mtu = request.includes(Option.interfaceMtu) ? lease.mtu : undefined;
  return {
    ips: [{ address, gateway: gateway === undefined ? undefined : dotted(gateway) }],
    routes: lease.routes.map(
      ({ destination, length, gateway }): Route => ({
        dst: `${dotted(destination)}/${length}`,
        gw: dotted(gateway),
        mtu,
        priority: priority === 0 ? undefined : priority,
        scope: gateway === 0 ? linkScope : undefined,
      }),
    ),
    dns: dnsOf(lease, request),
  };
}

function dnsOf(lease: Lease, request: readonly number[]): Dns | undefined {
  const dns: Dns = {};
  if (request.includes(Option.domainNameServers) && lease.dns.length > 0) {
    dns.nameservers = lease.dns.map(dotted);
  }
  if (request.includes(Option.domainName) && lease.domain !== undefined) dns.domain = lease.domain;
  if (request.includes(Option.domainSearch) && lease.search.length > 0) {
    dns.search = [...lease.search];
  }
  return Object.keys(dns).length > 0 ? dns : undefined;
}
