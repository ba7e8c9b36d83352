/** What an interface loses when it joins or leaves a VRF, as the kernel takes it down for that: kept, and put back. */

import {
  asWanted,
  linksFirst,
  putRoutes,
  restoreRoute,
  routeKey,
  singleRoutes,
} from "../../pkg/link/routing.ts";
import { waitForAddresses } from "../../pkg/link/wait.ts";
import {
  AddressFlag,
  type AddressSettings,
  dumpAddresses,
  type InterfaceAddress,
  replaceAddress,
} from "../../pkg/netlink/rtnetlink/address.ts";
import type { Link } from "../../pkg/netlink/rtnetlink/link.ts";
import {
  dumpRoutes,
  type Route,
  RouteProtocol,
  RouteScope,
  RouteTable,
} from "../../pkg/netlink/rtnetlink/route.ts";
import type { Namespace } from "../../pkg/ns/namespace.ts";

/** An interface's IPv6 addresses, and its routes of the main table: without those that the kernel makes by itself. */
export interface Kept {
  readonly addresses: readonly AddressSettings[];
  /** Links before gateways, each with one next hop. */
  readonly routes: readonly Route[];
}

/** The kernel's own, and what routers announce, which it asks for when the interface comes up. */
const remade: readonly number[] = [RouteProtocol.kernel, RouteProtocol.announced];

/** What the interface has now. */
export function keep({ socket }: Namespace, { index }: Link): Kept {
  const addresses = socket
    .dump(dumpAddresses({ index, family: 6 }))
    .filter(({ scope, dadFailed }) => scope === RouteScope.universe && !dadFailed);
  const routes = socket
    .dump(dumpRoutes({ index, table: RouteTable.main }))
    .filter(({ protocol = 0 }) => !remade.includes(protocol))
    .flatMap((route) => singleRoutes(route, index));
  return { addresses: addresses.map(settingsOf), routes: linksFirst(routes) };
}

function settingsOf(address: InterfaceAddress): AddressSettings {
  const { index, prefix, peer, priority, protocol, flags, tentative } = address;
  const { preferredLifetime, validLifetime } = address;
  const noPrefixRoute = (flags & AddressFlag.noPrefixRoute) !== 0;
  const isPermanent = (flags & AddressFlag.permanent) !== 0;
  const lifetimes = isPermanent ? {} : { preferredLifetime, validLifetime };
  // Nobody else has it: that was found out on this link, a moment ago.
  return {
    index,
    prefix,
    peer,
    priority,
    protocol,
    noPrefixRoute,
    noDad: !tentative,
    ...lifetimes,
  };
}

/** Gives the interface its addresses again, and its routes in a VRF's table, in the place of what others have there. */
export function putInto(table: number, namespace: Namespace, link: Link, kept: Kept): void {
  putAddresses(namespace, link, kept);
  namespace.send(...putRoutes(inTable(table, kept)));
}

function inTable(table: number, { routes }: Kept): Route[] {
  return routes.map((route) => ({ ...asWanted(route), table }));
}

/** Others' routes in a VRF's table whose places the interface's will take. */
export function othersInPlaceOf(
  table: number,
  namespace: Namespace,
  { index }: Link,
  kept: Kept,
): Route[] {
  const taken = new Set(inTable(table, kept).map(routeKey));
  const routes = namespace.socket
    .dump(dumpRoutes({ table }))
    .flatMap((route) => singleRoutes(route));
  return routes.filter((route) => route.index !== index && taken.has(routeKey(route)));
}

/** Gives the interface back what it had, in the main table. What is there already is left alone. */
export function putBack(namespace: Namespace, link: Link, kept: Kept): void {
  putAddresses(namespace, link, kept);
  for (const route of kept.routes) restoreRoute(namespace, route);
}

function putAddresses(namespace: Namespace, link: Link, { addresses }: Kept): void {
  namespace.send(...addresses.map((address) => replaceAddress(address, link.name)));
  waitForAddresses(
    namespace,
    link,
    addresses.map(({ prefix }) => prefix),
  );
}
