/** Reads the shapes that results have had, each into the newest. */

import {
  defined,
  readAddress,
  readFields,
  readInteger,
  readList,
  readPrefix,
  readText,
} from "./fields.ts";
import type { Dns, Interface, IpConfig, Result, Route } from "./result.ts";

export type ResultBody = Omit<Result, "cniVersion">;

/** 0.1 and 0.2: at most one address of each family, with the routes of that family. */
export function readLegacy(value: unknown): ResultBody {
  const fields = readFields(value, "result", ["ip4", "ip6", "dns"]);
  const ips: IpConfig[] = [];
  const routes: Route[] = [];
  for (const family of ["ip4", "ip6"] as const) {
    if (fields[family] === undefined) continue;
    const ip = readFields(fields[family], family, ["ip", "gateway", "routes"]);
    const address = readPrefix(ip.ip, `${family}.ip`);
    ips.push(defined({ address, gateway: readAddress(ip.gateway, `${family}.gateway`) }));
    routes.push(...(readList(ip.routes, `${family}.routes`, readRoute) ?? []));
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
  const names = ["dst", "gw", "mtu", "advmss", "priority", "table", "scope"] as const;
  const route = readFields(value, where, names);
  return defined({
    dst: readPrefix(route.dst, `${where}.dst`),
    gw: readAddress(route.gw, `${where}.gw`),
    mtu: readInteger(route.mtu, `${where}.mtu`) || undefined,
    advmss: readInteger(route.advmss, `${where}.advmss`) || undefined,
    priority: readInteger(route.priority, `${where}.priority`) || undefined,
    table: readInteger(route.table, `${where}.table`),
    scope: readInteger(route.scope, `${where}.scope`),
  });
}

/** Resolver settings, undefined when they say nothing. */
export function readDns(value: unknown, where: string): Dns | undefined {
  if (value === undefined || value === null) return undefined;
  const fields = readFields(value, where, ["nameservers", "domain", "search", "options"]);
  const dns = defined({
    nameservers: readList(fields.nameservers, `${where}.nameservers`, readItem),
    domain: readText(fields.domain, `${where}.domain`),
    search: readList(fields.search, `${where}.search`, readItem),
    options: readList(fields.options, `${where}.options`, readItem),
  });
  return Object.keys(dns).length > 0 ? dns : undefined;
}

function readLists(
  value: unknown,
  interfaceOf: (value: unknown, where: string) => Interface,
): ResultBody {
  const fields = readFields(value, "result", ["interfaces", "ips", "routes", "dns"]);
  return defined({
    interfaces: readList(fields.interfaces, "interfaces", interfaceOf),
    ips: readList(fields.ips, "ips", readIp),
    routes: readList(fields.routes, "routes", readRoute),
    dns: readDns(fields.dns, "dns"),
  });
}

function readInterface(value: unknown, where: string): Interface {
  const names = ["name", "mac", "mtu", "sandbox", "socketPath", "pciID"] as const;
  const link = readFields(value, where, names);
  return defined({
    name: readItem(link.name, `${where}.name`),
    mac: readText(link.mac, `${where}.mac`),
    mtu: readInteger(link.mtu, `${where}.mtu`) || undefined,
    sandbox: readText(link.sandbox, `${where}.sandbox`),
    socketPath: readText(link.socketPath, `${where}.socketPath`),
    pciID: readText(link.pciID, `${where}.pciID`),
  });
}

function readIp(value: unknown, where: string): IpConfig {
  const ip = readFields(value, where, ["address", "gateway", "interface"]);
  return defined({
    address: readPrefix(ip.address, `${where}.address`),
    gateway: readAddress(ip.gateway, `${where}.gateway`),
    interface: readInteger(ip.interface, `${where}.interface`),
  });
}

function readItem(value: unknown, where: string): string {
  return readText(value, where) ?? "";
}
