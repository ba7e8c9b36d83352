/** Reads the shapes that results have had, each into the newest. */

import {
  defined,
  readAddress,
  readFields,
  readInteger,
  readList,
  readPrefix,
  readText,
  readTextItem,
} from "./fields.ts";
import type { Dns, Interface, IpConfig, Result, Route } from "./result.ts";

const INTERFACE = ["name", "mac", "mtu", "sandbox", "socketPath", "pciID"] as const;
const IP = ["address", "gateway", "interface"] as const;
const ROUTE = ["dst", "gw", "mtu", "advmss", "priority", "table", "scope"] as const;
const DNS = ["nameservers", "domain", "search", "options"] as const;

export type ResultBody = Omit<Result, "cniVersion">;

/** 0.1 and 0.2: at most one address of each family, with the routes of that family. */
export function readLegacy(value: unknown): ResultBody {
  const fields = readFields(value, "", ["ip4", "ip6", "dns"]);
  const ips: IpConfig[] = [];
  const routes: Route[] = [];
  for (const family of ["ip4", "ip6"] as const) {
    if (fields[family] === undefined) continue;
    const ip = readFields(fields[family], family, ["ip", "gateway", "routes"]);
    const address = readPrefix(ip, "ip", family);
    ips.push(defined({ address, gateway: readAddress(ip, "gateway", family) }));
    routes.push(...(readList(ip, "routes", family, readRoute) ?? []));
  }
  return defined({
    ips: ips.length > 0 ? ips : undefined,
    routes: routes.length > 0 ? routes : undefined,
    dns: readDns(fields.dns, "dns"),
  });
}

/** 0.3 and 0.4, whose interfaces have only the first three keys. */
export function readMiddle(value: unknown): ResultBody {
  return readLists(value, (it, where) => {
    const { name, mac, sandbox } = readInterface(it, where);
    return defined({ name, mac, sandbox });
  });
}

/** 1.0 and 1.1. */
export function readNewest(value: unknown): ResultBody {
  return readLists(value, readInterface);
}

/** A route, in a result of any version and in the configurations that have them. */
export function readRoute(value: unknown, where: string): Route {
  const route = readFields(value, where, ROUTE);
  return defined({
    dst: readPrefix(route, "dst", where),
    gw: readAddress(route, "gw", where),
    mtu: readInteger(route, "mtu", where) || undefined,
    advmss: readInteger(route, "advmss", where) || undefined,
    priority: readInteger(route, "priority", where) || undefined,
    table: readInteger(route, "table", where),
    scope: readInteger(route, "scope", where),
  });
}

/** Resolver settings, undefined when they say nothing. */
export function readDns(value: unknown, where: string): Dns | undefined {
  if (value === undefined || value === null) return undefined;
  const fields = readFields(value, where, DNS);
  const dns = defined({
    nameservers: readList(fields, "nameservers", where, readTextItem),
    domain: readText(fields, "domain", where),
    search: readList(fields, "search", where, readTextItem),
    options: readList(fields, "options", where, readTextItem),
  });
  return Object.keys(dns).length > 0 ? dns : undefined;
}

function readLists(
  value: unknown,
  interfaceOf: (value: unknown, where: string) => Interface,
): ResultBody {
  const fields = readFields(value, "", ["interfaces", "ips", "routes", "dns"]);
  return defined({
    interfaces: readList(fields, "interfaces", "", interfaceOf),
    ips: readList(fields, "ips", "", readIp),
    routes: readList(fields, "routes", "", readRoute),
    dns: readDns(fields.dns, "dns"),
  });
}

function readInterface(value: unknown, where: string): Interface {
  const link = readFields(value, where, INTERFACE);
  return defined({
    name: readText(link, "name", where) ?? "",
    mac: readText(link, "mac", where),
    mtu: readInteger(link, "mtu", where) || undefined,
    sandbox: readText(link, "sandbox", where),
    socketPath: readText(link, "socketPath", where),
    pciID: readText(link, "pciID", where),
  });
}

function readIp(value: unknown, where: string): IpConfig {
  const ip = readFields(value, where, IP);
  return defined({
    address: readPrefix(ip, "address", where),
    gateway: readAddress(ip, "gateway", where),
    interface: readInteger(ip, "interface", where),
  });
}
