/** What the daemon does to an interface whose lease ends or becomes another: as ADD's result said, and back. */

import { toAddress, toPrefix } from "../../../pkg/cni/addresses.ts";
import type { Route as ResultRoute } from "../../../pkg/cni/result.ts";
import { isNetlinkError } from "../../../pkg/netlink/error.ts";
import type { Request } from "../../../pkg/netlink/message.ts";
import { deleteAddress, replaceAddress } from "../../../pkg/netlink/rtnetlink/address.ts";
import { deleteRoute, type Route, replaceRoute } from "../../../pkg/netlink/rtnetlink/route.ts";
import type { Namespace } from "../../../pkg/ns/namespace.ts";
import { Errno } from "../../../pkg/sys/errno.ts";
import type { Granted } from "../order.ts";

/** What may be gone already. */
const absent = [Errno.ESRCH, Errno.EADDRNOTAVAIL, Errno.ENODEV, Errno.ENOENT];

/** Takes the lease's routes and addresses from the interface, as far as they are there. */
export function withdraw(namespace: Namespace, index: number, granted: Granted): void {
  for (const route of granted.routes) attemptTo(namespace, deleteRoute(routeOf(route, index)));
  for (const { address } of granted.ips) {
    attemptTo(namespace, deleteAddress({ index, prefix: toPrefix(address) }));
  }
}

/** What of one lease another does not give, too: what stays must not be gone for a moment. */
export function without(granted: Granted, { ips, routes }: Granted): Granted {
  const kept = new Set(routes.map((route) => JSON.stringify(route)));
  return {
    ips: granted.ips.filter(({ address }) => !ips.some((it) => it.address === address)),
    routes: granted.routes.filter((route) => !kept.has(JSON.stringify(route))),
  };
}

/** Gives the interface the lease's addresses and routes; what is there already stays. */
export function apply(namespace: Namespace, index: number, granted: Granted): void {
  for (const { address } of granted.ips) {
    namespace.send(replaceAddress({ index, prefix: toPrefix(address) }));
  }
  for (const route of granted.routes) namespace.send(replaceRoute(routeOf(route, index)));
}

/** Whether two leases put the same on an interface. */
export function isSame(a: Granted, b: Granted): boolean {
  return a === b || JSON.stringify([a.ips, a.routes]) === JSON.stringify([b.ips, b.routes]);
}

function attemptTo(namespace: Namespace, request: Request): void {
  try {
    namespace.send(request);
  } catch (error) {
    if (!isNetlinkError(error, ...absent)) throw error;
  }
}

function routeOf(
  { dst, gw, priority, scope, mtu, advmss, table }: ResultRoute,
  index: number,
): Route {
  const gateway = gw === undefined ? undefined : toAddress(gw);
  return {
    index,
    destination: toPrefix(dst),
    gateway: gateway?.value === 0n ? undefined : gateway,
    priority,
    scope,
    mtu,
    advmss,
    table,
  };
}
