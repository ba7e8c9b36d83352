/** What plugins that deal with routing tables have in common. */

import { isNetlinkError } from "../netlink/error.ts";
import type { Request } from "../netlink/message.ts";
import { newRoute, prependRoute, type Route, RouteTable } from "../netlink/rtnetlink/route.ts";
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

/** Puts a route back where it was; one that is still there is left alone. */
export function restoreRoute(namespace: Namespace, route: Route): void {
  try {
    namespace.send(route.destination.address.family === 4 ? prependRoute(route) : newRoute(route));
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
