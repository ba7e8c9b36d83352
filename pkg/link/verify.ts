/** Compares what CHECK finds with what ADD said it made. */

import { toAddress, toPrefix } from "../cni/addresses.ts";
import type { Interface, IpConfig, Result, Route } from "../cni/result.ts";
import { sameAddress } from "../ip/address.ts";
import { network, samePrefix } from "../ip/prefix.ts";
import { dumpAddresses } from "../netlink/rtnetlink/address.ts";
import type { Link } from "../netlink/rtnetlink/link.ts";
import { dumpRoutes } from "../netlink/rtnetlink/route.ts";
import type { Namespace } from "../ns/namespace.ts";
import { findLink } from "./find.ts";
import { singleRoutes } from "./routing.ts";

/** What a link has to be. */
export interface ExpectedLink {
  /** Left out, any kind will do. */
  readonly kind?: string;
  /** As the result tells it; nothing is compared where that has none. */
  readonly mac?: string;
}

/** The link of that name. Throws where it is missing, of another kind or has another MAC. */
export function verifyLink(namespace: Namespace, name: string, expected: ExpectedLink): Link {
  const link = findLink(namespace, { name });
  if (link === undefined) throw new Error(`cannot find interface "${name}" of prevResult`);
  if (expected.kind !== undefined && link.kind !== expected.kind) {
    throw new Error(
      `interface "${name}" is not a ${expected.kind}: it is ${link.kind ?? "hardware"}`,
    );
  }
  if (expected.mac !== undefined && link.mac !== expected.mac.toLowerCase()) {
    throw new Error(
      `interface "${name}" has MAC ${link.mac ?? "none"}, prevResult says ${expected.mac}`,
    );
  }
  return link;
}

/** The container's interface in a result: the last of that name with a sandbox. */
export function findContainerInterface(
  { interfaces }: Pick<Result, "interfaces">,
  ifName: string,
): Interface | undefined {
  return interfaces?.findLast(({ name, sandbox }) => name === ifName && sandbox);
}

/** The same; throws where there is none. */
export function containerInterface(result: Result, ifName: string): Interface {
  const found = findContainerInterface(result, ifName);
  if (found === undefined)
    throw new Error(`prevResult has no interface "${ifName}" with a sandbox`);
  return found;
}

/** The addresses of a result that are the interface's; one that names no interface counts as its. */
export function ownAddresses(
  { ips = [], interfaces = [] }: Pick<Result, "ips" | "interfaces">,
  ifName: string,
): IpConfig[] {
  return ips.filter(
    ({ interface: place }) => place === undefined || interfaces[place]?.name === ifName,
  );
}

/** Every address that the result gives to this interface must be on it. */
export function verifyAddresses(
  namespace: Namespace,
  { index, name }: Link,
  ips: readonly IpConfig[],
): void {
  const present = namespace.socket.dump(dumpAddresses({ index }));
  for (const { address } of ips) {
    const wanted = toPrefix(address);
    if (present.some(({ prefix }) => samePrefix(prefix, wanted))) continue;
    throw new Error(`Failed to match addr ${address} on interface ${name}`);
  }
}

/**
 * Every route of the result must lead out of this interface. The next hop of a default route may have changed, and a
 * later plugin of the chain (sbr, vrf) may have moved a route to a table of its own.
 */
export function verifyRoutes(
  namespace: Namespace,
  { index }: Link,
  routes: readonly Route[],
): void {
  if (routes.length === 0) return;
  const present = namespace.socket
    .dump(dumpRoutes({ index }))
    .flatMap((route) => singleRoutes(route, index));
  for (const route of routes) {
    const destination = toPrefix(route.dst);
    const gateway = route.gw === undefined ? undefined : toAddress(route.gw);
    const found = present.some(
      (other) =>
        samePrefix(network(destination), other.destination) &&
        (route.table === undefined || route.table === other.table) &&
        (destination.length === 0 ||
          gateway === undefined ||
          (other.gateway !== undefined && sameAddress(gateway, other.gateway))),
    );
    if (!found)
      throw new Error(`Expected Route ${JSON.stringify(route)} not found in routing table`);
  }
}
