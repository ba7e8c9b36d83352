/** Reads the shapes that results have had, each into the newest. */

import {
  address,
  integer,
  listOf,
  nonZero,
  objectReader,
  prefix,
  type ReadObject,
  requirePrefix,
  text,
  textItem,
} from "./fields.ts";
import type { Dns, Interface, IpConfig, Result, Route } from "./result.ts";

/** A result, with its version where it says one. */
export type ResultBody = Omit<Result, "cniVersion"> & { cniVersion?: string };

const readInterface = named(
  objectReader<Interface>({
    name: text,
    mac: text,
    mtu: nonZero,
    sandbox: text,
    socketPath: text,
    pciID: text,
  }),
);

const ipFields = objectReader<IpConfig>({ address: prefix, gateway: address, interface: integer });

const routeFields = objectReader<Route>({
  dst: prefix,
  gw: address,
  mtu: nonZero,
  advmss: nonZero,
  priority: nonZero,
  table: integer,
  scope: integer,
});

const readDns = objectReader<Dns>({
  nameservers: listOf(textItem),
  domain: text,
  search: listOf(textItem),
  options: listOf(textItem),
});

/** Resolver settings, undefined when they say nothing. */
function dns(value: unknown, name: string): Dns | undefined {
  const found = readDns(value, name);
  for (const _ in found) return found;
  return undefined;
}

/** An interface without a name has an empty one. */
function named(read: ReadObject<Interface>): (value: unknown, where: string) => Interface {
  return (value, where) => {
    const found = read(value, where);
    return found.name === undefined ? { name: "", ...found } : (found as Interface);
  };
}

function readIp(value: unknown, where: string): IpConfig {
  return requirePrefix(ipFields(value, where), "address", where);
}

function readRoute(value: unknown, where: string): Route {
  return requirePrefix(routeFields(value, where), "dst", where);
}

/** 1.0 and 1.1. */
const newestFields = objectReader<Required<ResultBody>>({
  cniVersion: text,
  interfaces: listOf(readInterface),
  ips: listOf(readIp),
  routes: listOf(readRoute),
  dns,
});

/** 0.3 and 0.4, whose interfaces have only three keys. */
const middleFields = objectReader<Required<ResultBody>>({
  cniVersion: text,
  interfaces: listOf(
    named(
      objectReader<Pick<Interface, "name" | "mac" | "sandbox">>({
        name: text,
        mac: text,
        sandbox: text,
      }),
    ),
  ),
  ips: listOf(readIp),
  routes: listOf(readRoute),
  dns,
});

/** One family of 0.1 and 0.2. */
interface LegacyFamily {
  ip: string;
  gateway?: string;
  routes?: Route[];
}

const familyFields = objectReader<LegacyFamily>({
  ip: prefix,
  gateway: address,
  routes: listOf(readRoute),
});

const readFamily = (value: unknown, name: string): LegacyFamily =>
  requirePrefix(familyFields(value, name), "ip", name);

const legacyFields = objectReader<LegacyBody>({
  cniVersion: text,
  ip4: readFamily,
  ip6: readFamily,
  dns,
});

interface LegacyBody {
  cniVersion: string;
  ip4: LegacyFamily;
  ip6: LegacyFamily;
  dns: Dns;
}

/** 1.0 and 1.1. */
export function readNewest(value: unknown): ResultBody {
  return newestFields(value, "");
}

/** 0.3 and 0.4. */
export function readMiddle(value: unknown): ResultBody {
  return middleFields(value, "");
}

/** 0.1 and 0.2: at most one address of each family, with the routes of that family. */
export function readLegacy(value: unknown): ResultBody {
  const { ip4, ip6, ...body }: Partial<LegacyBody> = legacyFields(value, "");
  const result: ResultBody = body;
  for (const family of [ip4, ip6]) {
    if (family === undefined) continue;
    const { ip, gateway, routes = [] } = family;
    result.ips = [...(result.ips ?? []), gateway ? { address: ip, gateway } : { address: ip }];
    if (routes.length > 0) result.routes = [...(result.routes ?? []), ...routes];
  }
  return result;
}
