/** Gives a container's interface its addresses and routes, and brings it up. */

import { toAddress, toPrefix } from "../cni/addresses.ts";
import { toCniError } from "../cni/error.ts";
import type { IpConfig, Result, Route } from "../cni/result.ts";
import type { Address, Family } from "../ip/address.ts";
import type { Prefix } from "../ip/prefix.ts";
import type { Request } from "../netlink/message.ts";
import { newAddress } from "../netlink/rtnetlink/address.ts";
import { setLink } from "../netlink/rtnetlink/link.ts";
import { prependRoute, RouteScope } from "../netlink/rtnetlink/route.ts";
import type { Namespace } from "../ns/namespace.ts";
import { Errno, isSysError } from "../sys/errno.ts";
import { readSysctl, tryWriteSysctl, writeSysctl } from "../sysctl/sysctl.ts";
import { waitForAddresses } from "./wait.ts";

/** What to do to one interface. */
export interface InterfaceSetup {
  readonly name: string;
  readonly index: number;
  /** Its place in the result's interfaces. */
  readonly place: number;
  /**
   * False: whoever gave the address vouches for it, and it is usable at once. True: detection is turned on.
   * Left out: as the kernel is set. Where addresses are examined, the outcome is waited for.
   */
  readonly detectDuplicates?: boolean;
  /** The mark by which it is found again when somebody renames or moves it (see attachment.ts). */
  readonly alias?: string;
  /** What else is to be done while it is down. */
  readonly first?: readonly Request[];
  /** The addresses come without the route to their network; these routes go ahead of the result's. */
  readonly ownRoutes?: readonly Request[];
  /** Readable once the runtime wants the call to end: it ends the wait. */
  readonly cancelFd?: number;
}

type Gateways = Partial<Record<Family, Address>>;

/**
 * Adds the result's addresses, brings the interface up and adds the routes, all in one batch unless addresses are
 * examined between; before it, the parameters that must be right when the interface comes up. Throws in the
 * reference's words.
 */
export function configureInterface(
  container: Namespace,
  setup: InterfaceSetup,
  { ips = [], routes = [] }: Pick<Result, "ips" | "routes">,
): void {
  const { name, alias, first, ownRoutes } = setup;
  const { addresses, addresses6, gateways } = ownAddresses(setup, ips);
  if (setup.detectDuplicates !== undefined || addresses6.length > 0) {
    container.run(() => {
      prepareDuplicateDetection(setup);
      if (addresses6.length > 0) prepareIpv6(name);
      // Opened in the same visit.
      return container.socket;
    });
  }
  // Before it comes up: the kernel then announces its addresses to the neighbours.
  const bringUp: Request[] = [setLink({ name, alias, families: announcing })];
  if (first !== undefined) bringUp.push(...first);
  for (const prefix of addresses) bringUp.push(addressRequest(setup, prefix));
  bringUp.push(setLink({ name, up: true }));
  const examines = setup.detectDuplicates !== false && addresses6.length > 0;
  const routing: Request[] = examines ? [] : bringUp;
  if (examines) {
    container.send(...bringUp);
    // Only then can an address be a route's source.
    waitForAddresses(container, setup, addresses6);
  }
  if (ownRoutes !== undefined) routing.push(...ownRoutes);
  for (const route of routes) routing.push(routeRequest(setup, route, gateways));
  container.send(...routing);
}

const announcing = { ipv4: { conf: { arpNotify: 1 } } };

/** The interface's own part of the addresses: all of them, those of IPv6, and the first gateway of each family. */
function ownAddresses(
  setup: InterfaceSetup,
  ips: readonly IpConfig[],
): { addresses: Prefix[]; addresses6: Prefix[]; gateways: Gateways } {
  const addresses: Prefix[] = [];
  const addresses6: Prefix[] = [];
  const gateways: Gateways = {};
  for (const ip of ips) {
    if (!isFor(setup, ip)) continue;
    const prefix = toPrefix(ip.address);
    addresses.push(prefix);
    if (prefix.address.family === 6) addresses6.push(prefix);
    if (ip.gateway === undefined) continue;
    const gateway = toAddress(ip.gateway);
    gateways[gateway.family] ??= gateway;
  }
  return { addresses, addresses6, gateways };
}

/** An address without a place is another plugin's; one with a foreign place is a mistake. */
function isFor({ name, place }: InterfaceSetup, { interface: wanted, address }: IpConfig): boolean {
  if (wanted === undefined) return false;
  if (wanted === place) return true;
  throw new Error(`failed to add IP addr ${address} to "${name}": invalid interface index`);
}

function prepareDuplicateDetection({ name, detectDuplicates }: InterfaceSetup): void {
  if (detectDuplicates === undefined) return;
  const conf = `net/ipv6/conf/${name}`;
  if (detectDuplicates) tryWriteSysctl(`${conf}/enhanced_dad`, "1");
  tryWriteSysctl(`${conf}/accept_dad`, detectDuplicates ? "1" : "0");
}

/**
 * Runtimes like to start containers with IPv6 off; an address of that family says that it is wanted, and that
 * routers have nothing to add to it: neither addresses nor a default route.
 */
function prepareIpv6(name: string): void {
  for (const link of ["lo", name]) {
    const off = `net/ipv6/conf/${link}/disable_ipv6`;
    told(`failed to enable IPv6 for interface "${link}" (${off})`, () => ensureOff(off));
  }
  const keep = `net/ipv6/conf/${name}/keep_addr_on_down`;
  told(`failed to enable keep_addr_on_down for interface "${name}"`, () => setUnlessSet(keep, "1"));
  for (const source of ["accept_ra", "autoconf"]) {
    tryWriteSysctl(`net/ipv6/conf/${name}/${source}`, "0");
  }
  tryWriteSysctl(`net/ipv6/conf/${name}/ndisc_notify`, "1");
}

/** A kernel without the parameter has no IPv6 to turn on; the address itself will fail, and say so. */
function ensureOff(parameter: string): void {
  let value: string;
  try {
    value = readSysctl(parameter);
  } catch (error) {
    if (isSysError(error)) return;
    throw error;
  }
  if (value !== "0") writeSysctl(parameter, "0");
}

/** Where /proc/sys cannot be written to, a parameter that is right already will do. */
function setUnlessSet(parameter: string, value: string): void {
  try {
    writeSysctl(parameter, value);
  } catch (error) {
    if (!isSysError(error, Errno.EROFS, Errno.EACCES, Errno.EPERM)) throw error;
    if (readSysctl(parameter) !== value) throw error;
  }
}

function told(act: string, step: () => void): void {
  try {
    step();
  } catch (error) {
    const isReadOnly = isSysError(error, Errno.EROFS);
    const hint = isReadOnly ? ": the plugin runs where /proc/sys is read-only" : "";
    throw new Error(`${act}: ${toCniError(error).message}${hint}`);
  }
}

function addressRequest(
  { index, name, detectDuplicates, ownRoutes }: InterfaceSetup,
  prefix: Prefix,
): Request {
  const noDad = prefix.address.family === 6 && detectDuplicates === false;
  return newAddress({ index, prefix, noDad, noPrefixRoute: ownRoutes !== undefined }, name);
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
