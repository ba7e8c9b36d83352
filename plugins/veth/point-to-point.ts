/**
 * The routes of a pair that stands for a point-to-point link: from the container everything goes to its gateway,
 * neighbours of its network included, and the host has one route to each of the container's addresses.
 */

import { toAddress, toPrefix } from "../../pkg/cni/addresses.ts";
import type { IpConfig } from "../../pkg/cni/result.ts";
import { type Address, addressBits, formatAddress } from "../../pkg/ip/address.ts";
import { formatPrefix, hostPrefix, network, samePrefix } from "../../pkg/ip/prefix.ts";
import { enableForwarding } from "../../pkg/link/forwarding.ts";
import { linkLocalRequests } from "../../pkg/link/link-local.ts";
import type { MadeEnd } from "../../pkg/link/veth.ts";
import type { Request } from "../../pkg/netlink/message.ts";
import { newAddress } from "../../pkg/netlink/rtnetlink/address.ts";
import { dumpRoutes, newRoute, RouteScope, RouteTable } from "../../pkg/netlink/rtnetlink/route.ts";
import type { Namespace } from "../../pkg/ns/namespace.ts";

/** The pair's end on the host. */
type HostEnd = Pick<MadeEnd, "index" | "name" | "mac">;

/** To each gateway directly, and to the network behind it through it. */
export function containerRoutes(index: number, ips: readonly IpConfig[]): Request[] {
  const routes: Request[] = [];
  const done = new Set<string>();
  const add = (route: Parameters<typeof newRoute>[0]) => {
    const key = formatPrefix(route.destination);
    if (!done.has(key)) routes.push(newRoute(route));
    done.add(key);
  };
  for (const ip of ips) {
    const { address: source, length } = toPrefix(ip.address);
    const gateway = gatewayOf(ip);
    add({ index, destination: hostPrefix(gateway), scope: RouteScope.link, source });
    // A network of one address has nobody else in it.
    if (length === addressBits(source.family)) continue;
    add({ index, destination: network(toPrefix(ip.address)), gateway, source });
  }
  return routes;
}

/** Makes the host the container's gateway. Addresses and routes go with the pair, forwarding stays on. */
export function makeGateway(host: Namespace, end: HostEnd, ips: readonly IpConfig[]): void {
  host.send(...hostRequests(end, ips));
  const families = ips.map(({ address }) => toPrefix(address).address.family);
  enableForwarding(families, "Could not enable IP forwarding");
}

/** The gateways' addresses on the host end, and the routes to the container's. */
export function hostRequests(end: HostEnd, ips: readonly IpConfig[]): Request[] {
  const { index, name } = end;
  const gateways = new Map(
    ips.map((ip) => [formatAddress(gatewayOf(ip)), hostPrefix(gatewayOf(ip))]),
  );
  const containerAddresses = new Map(
    ips.map(({ address }) => [address.split("/")[0], toPrefix(address).address]),
  );
  return [
    ...linkLocalRequests(end, [...gateways.values()]),
    ...[...gateways.values()].map((prefix) =>
      newAddress({ index, prefix, noDad: prefix.address.family === 6 }, name),
    ),
    ...[...containerAddresses.values()].map((address) => hostRoute(index, address)),
  ];
}

function hostRoute(index: number, address: Address): Request {
  // IPv6 has no scopes of routes.
  const scope = address.family === 4 ? RouteScope.host : undefined;
  return newRoute({ index, destination: hostPrefix(address), scope });
}

/** Throws where the host has lost its route to one of the container's addresses. */
export function checkHostRoutes(host: Namespace, index: number, ips: readonly IpConfig[]): void {
  if (ips.length === 0) return;
  const present = host.socket.dump(dumpRoutes({ index, table: RouteTable.main }));
  for (const { address } of ips) {
    const wanted = hostPrefix(toPrefix(address).address);
    if (present.some(({ destination }) => samePrefix(destination, wanted))) continue;
    throw new Error(`Expected Route to ${formatPrefix(wanted)} not found on the host`);
  }
}

function gatewayOf({ address, gateway }: IpConfig): Address {
  if (gateway !== undefined) return toAddress(gateway);
  throw new Error(
    `IPAM plugin returned no gateway for ${address}: a point-to-point link needs one`,
  );
}
