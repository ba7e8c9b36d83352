/** Gives a container's interface its addresses and routes, and brings it up. */

import { toAddress, toPrefix } from "../cni/addresses.ts";
import type { IpConfig, Result, Route } from "../cni/result.ts";
import type { Address, Family } from "../ip/address.ts";
import type { Prefix } from "../ip/prefix.ts";
import type { Request } from "../netlink/message.ts";
import { newAddress } from "../netlink/rtnetlink/address.ts";
import { setLink } from "../netlink/rtnetlink/link.ts";
import { prependRoute, RouteScope } from "../netlink/rtnetlink/route.ts";
import type { Namespace } from "../ns/namespace.ts";
import { ensureSysctl, tryWriteSysctl, writeSysctl } from "../sysctl/sysctl.ts";

/** What to do to one interface. */
export interface InterfaceSetup {
  readonly name: string;
  readonly index: number;
  /** Its place in the result's interfaces. */
  readonly place: number;
  /** Leaves duplicate address detection on; else whoever gave the address vouches for it. */
  readonly detectDuplicates?: boolean;
}

type Gateways = Partial<Record<Family, Address>>;

/**
 * Adds the result's addresses, brings the interface up and adds the routes, all in one batch; before it, the
 * parameters that must be right when the interface comes up. Throws in the reference's words.
 */
export function configureInterface(
  container: Namespace,
  setup: InterfaceSetup,
  { ips = [], routes = [] }: Pick<Result, "ips" | "routes">,
): void {
  const own = ips.filter((ip) => isFor(setup, ip));
  const addresses = own.map(({ address }) => toPrefix(address));
  const gateways = gatewaysOf(own);
  container.run(() => {
    prepareDuplicateDetection(setup);
    if (addresses.some(({ address }) => address.family === 6)) enableIpv6(setup.name);
    container.send(
      // Before it comes up: the kernel then announces its addresses to the neighbours.
      setLink({ name: setup.name, families: { ipv4: { conf: { arpNotify: 1 } } } }),
      ...addresses.map((prefix) => addressRequest(setup, prefix)),
      setLink({ name: setup.name, up: true }),
      ...routes.map((route) => routeRequest(setup, route, gateways)),
    );
  });
}

/** An address without a place is another plugin's; one with a foreign place is a mistake. */
function isFor({ name, place }: InterfaceSetup, { interface: wanted, address }: IpConfig): boolean {
  if (wanted === undefined) return false;
  if (wanted === place) return true;
  throw new Error(`failed to add IP addr ${address} to "${name}": invalid interface index`);
}

function prepareDuplicateDetection({ name, detectDuplicates = false }: InterfaceSetup): void {
  const conf = `net/ipv6/conf/${name}`;
  if (detectDuplicates) tryWriteSysctl(`${conf}/enhanced_dad`, "1");
  tryWriteSysctl(`${conf}/accept_dad`, detectDuplicates ? "1" : "0");
}

/** Runtimes like to start containers with IPv6 off; an address of that family says that it is wanted. */
function enableIpv6(name: string): void {
  for (const link of ["lo", name]) ensureSysctl(`net/ipv6/conf/${link}/disable_ipv6`, "0");
  writeSysctl(`net/ipv6/conf/${name}/keep_addr_on_down`, "1");
}

/** The first gateway of each family. */
function gatewaysOf(ips: readonly IpConfig[]): Gateways {
  const gateways: Gateways = {};
  for (const { gateway } of ips) {
    const address = gateway === undefined ? undefined : toAddress(gateway);
    if (address !== undefined) gateways[address.family] ??= address;
  }
  return gateways;
}

function addressRequest(
  { index, name, detectDuplicates }: InterfaceSetup,
  prefix: Prefix,
): Request {
  const noDad = prefix.address.family === 6 && !detectDuplicates;
  return newAddress({ index, prefix, noDad }, name);
}

/** A route through the interface: by its own next hop, else the family's gateway, unless it ends on the wire. */
function routeRequest({ index }: InterfaceSetup, route: Route, gateways: Gateways): Request {
  const destination = toPrefix(route.dst);
  const onWire = (route.scope ?? 0) >= RouteScope.link;
  const implied = onWire ? undefined : gateways[destination.address.family];
  return prependRoute({
    index,
    destination,
    gateway: route.gw === undefined ? implied : toAddress(route.gw),
    priority: route.priority,
    table: route.table,
    scope: route.scope,
    mtu: route.mtu,
    advmss: route.advmss,
  });
}
