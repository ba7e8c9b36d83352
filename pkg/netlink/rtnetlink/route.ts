/** Routes. */

import { type Address, addressBits, type Family, formatAddress } from "../../ip/address.ts";
import { formatPrefix, type Prefix } from "../../ip/prefix.ts";
import { put } from "../codec.ts";
import { MessageFlag, type Request } from "../message.ts";
import type { Reader, Writer } from "../wire.ts";
import { familyNumber, familyOf } from "./family.ts";
import { type NextHop, routeAttributes, routeHeader } from "./route-attributes.ts";

/** RTM_*ROUTE, linux/rtnetlink.h */
const Type = { new: 24, delete: 25, get: 26 } as const;

/** RT_SCOPE_*, linux/rtnetlink.h */
export const RouteScope = { universe: 0, site: 200, link: 253, host: 254, nowhere: 255 } as const;

/** RT_TABLE_*, linux/rtnetlink.h */
export const RouteTable = { all: 0, default: 253, main: 254, local: 255 } as const;

/** RTPROT_*, linux/rtnetlink.h: who added a route; announced is RTPROT_RA */
export const RouteProtocol = { any: 0, kernel: 2, boot: 3, static: 4, announced: 9 } as const;

/** RTN_*, linux/rtnetlink.h */
export const RouteType = {
  any: 0,
  unicast: 1,
  local: 2,
  broadcast: 3,
  anycast: 4,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
  throw: 9,
} as const;

/** RTNH_F_*, linux/rtnetlink.h */
export const RouteFlag = { dead: 1, onLink: 4, linkDown: 16 } as const;

/** RTM_F_FIB_MATCH: the answer is the route as it was added, not what it makes of the address */
const FIB_MATCH = 0x2000;
/** Tables up to here fit the header. */
const BYTE = 0xff;

/** A route, whether read or wanted. What is left out of a wanted one has the defaults of `ip route add`, but scope 0. */
export interface Route {
  /** Length 0 for the default route. */
  readonly destination: Prefix;
  /** The link's index. */
  readonly index?: number;
  readonly gateway?: Address;
  /** Source address of what leaves by it. */
  readonly source?: Address;
  /** The metric that chooses between routes to one destination. */
  readonly priority?: number;
  /** See RouteTable; main. */
  readonly table?: number;
  /** See RouteScope. */
  readonly scope?: number;
  /** See RouteProtocol; boot. */
  readonly protocol?: number;
  /** See RouteType; unicast. */
  readonly type?: number;
  /** See RouteFlag. */
  readonly flags?: number;
  readonly tos?: number;
  readonly mtu?: number;
  readonly advmss?: number;
  /** Where a route has several; only read. */
  readonly nextHops?: readonly NextHop[];
}

/** Adds a route; fails with EEXIST where there is one to the same destination, of the same metric. */
export function newRoute(route: Route): Request {
  return change("add", route, MessageFlag.create | MessageFlag.exclusive);
}

/**
 * Adds a route beside those to the same destination: a further next hop. Only an identical one is refused,
 * with EEXIST.
 */
export function appendRoute(route: Route): Request {
  return change("add", route, MessageFlag.create | MessageFlag.append);
}

/** Adds a route in front of those to the same destination, as the reference suite does; else as appendRoute. */
export function prependRoute(route: Route): Request {
  return change("add", route, MessageFlag.create);
}

/** Adds a route, or puts it in the place of the one to the same destination, of the same metric. */
export function replaceRoute(route: Route): Request {
  return change("set", route, MessageFlag.create | MessageFlag.replace);
}

/** Deletes the first route that has all that is given; fails with ESRCH where none does. */
export function deleteRoute(route: Route): Request {
  const any = { scope: RouteScope.nowhere, protocol: RouteProtocol.any, type: RouteType.any };
  return {
    purpose: `delete route ${label(route)}`,
    type: Type.delete,
    flags: 0,
    write: (to) => writeRoute(to, { ...any, ...route }),
  };
}

/** Which route is asked for. */
export interface RouteQuery {
  readonly to: Address;
  /** The link it should leave by. */
  readonly index?: number;
  readonly source?: Address;
}

/** The route the kernel would choose for an address; fails with ENETUNREACH where there is none. */
export function getRoute({ to: address, index, source }: RouteQuery): Request<Route | undefined> {
  return {
    purpose: `find route to ${formatAddress(address)}`,
    type: Type.get,
    flags: 0,
    write(to) {
      const bits = addressBits(address.family);
      const srcLength = source ? bits : 0;
      const family = familyNumber(address.family);
      routeHeader.put(to, { family, dstLength: bits, srcLength, flags: FIB_MATCH });
      routeAttributes.write(to, { destination: address, from: source, index }, {});
    },
    read: readRoute,
  };
}

/** Which routes to list; the kernel looks, not we. */
export interface RouteFilter {
  readonly family?: Family;
  readonly table?: number;
  readonly index?: number;
  readonly protocol?: number;
  readonly type?: number;
}

/** Lists routes: for NetlinkSocket.dump. Without a table it is those of all tables. */
export function dumpRoutes(filter: RouteFilter = {}): Request<Route | undefined> {
  const { family, table = 0, index, protocol, type } = filter;
  return {
    purpose: "list routes",
    type: Type.get,
    flags: 0,
    write(to) {
      const isWide = table > BYTE;
      routeHeader.put(to, {
        family: familyNumber(family),
        table: isWide ? 0 : table,
        protocol,
        type,
      });
      routeAttributes.write(to, { index, table: isWide ? table : undefined }, {});
    },
    read(from, start, end) {
      const route = readRoute(from, start, end);
      return route && matches(route, filter) ? route : undefined;
    },
  };
}

function matches(route: Route, { family, table, index, protocol, type }: RouteFilter): boolean {
  const hasLink = route.index === index || route.nextHops?.some((hop) => hop.index === index);
  return (
    (family === undefined || route.destination.address.family === family) &&
    (table === undefined || table === RouteTable.all || route.table === table) &&
    (index === undefined || hasLink === true) &&
    (protocol === undefined || route.protocol === protocol) &&
    (type === undefined || route.type === type)
  );
}

function change(verb: string, route: Route, flags: number): Request {
  return {
    purpose: `${verb} route ${label(route)}`,
    type: Type.new,
    flags,
    write: (to) => writeRoute(to, route),
  };
}

function label({ destination, gateway }: Route): string {
  const text = formatPrefix(destination);
  return gateway ? `${text} via ${formatAddress(gateway)}` : text;
}

function writeRoute(to: Writer, route: Route): void {
  const { destination, gateway, table = RouteTable.main, mtu, advmss } = route;
  const { address, length } = destination;
  const isWide = table > BYTE;
  const isForeign = gateway !== undefined && gateway.family !== address.family;
  const start = to.reserve(routeHeader.size);
  const { field } = routeHeader;
  field.family.set(to, start, familyNumber(address.family));
  field.dstLength.set(to, start, length);
  field.table.set(to, start, isWide ? 0 : table);
  field.protocol.set(to, start, route.protocol ?? RouteProtocol.boot);
  field.type.set(to, start, route.type ?? RouteType.unicast);
  if (route.tos !== undefined) field.tos.set(to, start, route.tos);
  if (route.scope !== undefined) field.scope.set(to, start, route.scope);
  if (route.flags !== undefined) field.flags.set(to, start, route.flags);
  const entries = routeAttributes.table;
  if (length > 0) put(to, entries.destination, address);
  put(to, isForeign ? entries.via : entries.gateway, gateway);
  put(to, entries.source, route.source);
  put(to, entries.priority, route.priority);
  if (isWide) put(to, entries.table, table);
  put(to, entries.index, route.index);
  if (mtu !== undefined || advmss !== undefined) put(to, entries.metrics, { mtu, advmss });
}

/** Reads a route from an answer or a notification; undefined when it is not about IP. */
export function readRoute(from: Reader, start: number, end: number): Route | undefined {
  const header = routeHeader.read(from, start, end);
  const family = familyOf(header.family);
  if (family === undefined) return undefined;
  const values = routeAttributes.read(from, start + routeHeader.size, end, {});
  return {
    destination: {
      address: values.destination ?? { family, value: 0n },
      length: header.dstLength,
    },
    index: values.index,
    gateway: values.gateway ?? values.via,
    source: values.source,
    priority: values.priority,
    table: values.table ?? header.table,
    scope: header.scope,
    protocol: header.protocol,
    type: header.type,
    flags: header.flags,
    tos: header.tos,
    mtu: values.metrics?.mtu,
    advmss: values.metrics?.advmss,
    nextHops: values.nextHops,
  };
}
