/** What plugins that deal with routing tables have in common. */

import { isNetlinkError } from "../netlink/error.ts";
import type { Request } from "../netlink/message.ts";
import {
  appendRoute,
  prependRoute,
  type Route,
  RouteFlag,
  RouteTable,
  replaceRoute,
} from "../netlink/rtnetlink/route.ts";
import type { Namespace } from "../ns/namespace.ts";
import { Errno } from "../sys/errno.ts";

/** Whether it is one of the kernel's own tables. */
export function isSystemTable(table: number): boolean {
  const { all, default: last, main, local } = RouteTable;
  return [all, last, main, local].includes(table as 0);
}

/** The first table from a number on that nobody uses. */
export function freeTable(used: ReadonlySet<number>, from: number): number {
  let table = from;
  while (used.has(table) || isSystemTable(table)) table++;
  return table;
}

/** Routes that others' gateways are found by come first. */
export function linksFirst(routes: readonly Route[]): Route[] {
  const rank = ({ gateway }: Route) => (gateway === undefined ? 0 : 1);
  return [...routes].sort((a, b) => rank(a) - rank(b));
}

/** A route as one for each next hop, of which those by other links are left out: IPv6 tells several as one. */
export function singleRoutes({ nextHops, ...route }: Route, link?: number): Route[] {
  if (nextHops === undefined) return [route];
  return nextHops
    .filter(({ index }) => link === undefined || index === link)
    .map(({ index, gateway }) => ({ ...route, index, gateway }));
}

/** Puts the routes in the place of others' to the same destinations; several to one are its next hops. */
export function putRoutes(routes: readonly Route[]): Request[] {
  const known = new Map<string, Set<bigint | undefined>>();
  const requests: Request[] = [];
  for (const route of routes) {
    const { gateway } = route;
    const key = routeKey(route);
    const gateways = known.get(key);
    if (gateways?.has(gateway?.value)) continue;
    requests.push(gateways === undefined ? replaceRoute(route) : appendRoute(route));
    known.set(key, (gateways ?? new Set()).add(gateway?.value));
  }
  return requests;
}

/** What there is one route of, unless it has several next hops: `putRoutes` replaces one of the same key. */
export function routeKey({ destination, priority, table, tos }: Route): string {
  const { address, length } = destination;
  return [address.family, address.value, length, priority, table, tos].join(" ");
}

/** A route that was read, as it is to be asked for: the other flags tell how it is doing. */
export function asWanted(route: Route): Route {
  return { ...route, flags: (route.flags ?? 0) & RouteFlag.onLink };
}

/** Puts a route back where it was; one that is still there is left alone. */
export function restoreRoute(namespace: Namespace, route: Route): void {
  const wanted = asWanted(route);
  try {
    const isFirst = route.destination.address.family === 4;
    namespace.send(isFirst ? prependRoute(wanted) : appendRoute(wanted));
  } catch (error) {
    if (!isNetlinkError(error, Errno.EEXIST)) throw error;
  }
}

/** One at a time: what is gone already is no failure, and must not hide another. */
export function removeEach(namespace: Namespace, requests: readonly Request[]): void {
  for (const request of requests) {
    try {
      namespace.send(request);
    } catch (error) {
      if (!isNetlinkError(error, Errno.ENOENT, Errno.ESRCH, Errno.ENODEV)) throw error;
    }
  }
}
