/** The link that a container's interface is made on, and the MTU that follows from it. */

import { CniError, ErrorCode } from "../cni/error.ts";
import { goQuote } from "../cni/quote.ts";
import type { Result } from "../cni/result.ts";
import { getLink, type Link } from "../netlink/rtnetlink/link.ts";
import { dumpRoutes, RouteTable, RouteType } from "../netlink/rtnetlink/route.ts";
import type { Namespace } from "../ns/namespace.ts";
import { findLink } from "./find.ts";

/** As `master`: the interface that the plugin before this one in the chain made. */
export const fromPrevResult = "prevResult";

/** The link a `master` key names; without one it is that of the default route. Throws in the reference's words. */
export function findMaster(
  namespace: Namespace,
  name: string | undefined,
  prevResult?: Result,
): Link {
  if (!name) return defaultRouteLink(namespace);
  const wanted = name === fromPrevResult ? chainedInterface(prevResult) : name;
  const link = findLink(namespace, { name: wanted });
  if (link !== undefined) return link;
  throw new Error(`failed to lookup master ${goQuote(wanted)}: Link not found`);
}

/** The only interface of a result. Throws in the reference's words where that is not one with a name. */
export function chainedInterface(result: Result | undefined): string {
  const [first, ...rest] = result?.interfaces ?? [];
  if (first && first.name !== "" && rest.length === 0) return first.name;
  throw new Error("chained master failure. PrevResult lacks a single named interface");
}

/** The link by which packets leave that have no closer route, of either family. */
export function defaultRouteLink(namespace: Namespace): Link {
  const index = defaultRouteIndex(namespace);
  if (index === undefined) throw new Error("no default route interface found");
  return namespace.send(getLink({ index }))[0];
}

/** The main table's default route of lowest metric, IPv4 first. */
function defaultRouteIndex(namespace: Namespace): number | undefined {
  for (const family of [4, 6] as const) {
    const filter = { family, table: RouteTable.main, type: RouteType.unicast };
    const routes = namespace.socket
      .dump(dumpRoutes(filter))
      .filter(({ destination }) => destination.length === 0)
      .sort((a, b) => (a.priority ?? 0) - (b.priority ?? 0));
    for (const { index, nextHops } of routes) {
      const found = index ?? nextHops?.[0]?.index;
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** What a configuration says about the MTU. */
export interface MtuWish {
  /** 0 or nothing leaves it to the kernel. */
  readonly mtu?: number | "auto";
  /** What `auto` leaves free, for headers that are added on the way. */
  readonly mtuOverhead?: number;
}

/** The MTU in bytes, undefined for the kernel's choice; `auto` is that of the default route's link, less the overhead. */
export function wantedMtu({ mtu, mtuOverhead = 0 }: MtuWish, host: Namespace): number | undefined {
  if (mtu !== "auto") return mtu || undefined;
  return defaultRouteLink(host).mtu - mtuOverhead;
}

/** As `wantedMtu`, for an interface whose packets leave by `master`, which cannot pass larger ones. */
export function mtuOn(master: Link, { mtu, mtuOverhead = 0 }: MtuWish): number {
  const wanted = mtu === "auto" ? master.mtu - mtuOverhead : mtu || master.mtu;
  if (wanted >= 0 && wanted <= master.mtu) return wanted;
  const message = `invalid MTU ${wanted}, must be [0, master MTU(${master.mtu})]`;
  throw new CniError(ErrorCode.invalidConfig, message);
}

/** STATUS: throws code 50 where no interface could be made on the master, 51 where none passes packets, old ones neither. */
export function requireUsableMaster(namespace: Namespace, name: string | undefined): void {
  let master: Link;
  try {
    master = findMaster(namespace, name);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new CniError(ErrorCode.notAvailable, message);
  }
  if (master.up) return;
  throw new CniError(ErrorCode.limitedConnectivity, `master "${master.name}" is down`);
}
