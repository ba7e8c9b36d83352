/**
 * The newest shape of a result as the older and newer specifications print it. The order of the keys is the
 * reference's: 0.x as its structures declare them, 1.x sorted at every level.
 */

import { CniError, ErrorCode } from "./error.ts";
import type { Dns, IpConfig, Route } from "./result.ts";
import type { ResultBody } from "./result-read.ts";

/**
 * 0.1 and 0.2: the first address of each family, and that family's routes. From a result that was in this
 * shape before nothing is lost; into it, routes keep only destination and gateway.
 */
export function legacyShape(cniVersion: string, result: ResultBody, wasLegacy: boolean): object {
  const ip4 = legacyFamily(result, "4", wasLegacy);
  const ip6 = legacyFamily(result, "6", wasLegacy);
  if (!ip4 && !ip6 && !wasLegacy) {
    throw new CniError(ErrorCode.internal, "cannot convert: no valid IP addresses");
  }
  return { cniVersion, ip4, ip6, dns: declaredDns(result.dns) };
}

/** 0.3 and 0.4. */
export function middleShape(cniVersion: string, result: ResultBody): object {
  return {
    cniVersion,
    interfaces: mapped(result.interfaces, ({ name, mac, sandbox }) => ({
      name,
      mac: mac || undefined,
      sandbox: sandbox || undefined,
    })),
    ips: mapped(result.ips, (ip) => ({
      version: familyOf(ip.address),
      interface: ip.interface,
      address: ip.address,
      gateway: ip.gateway || undefined,
    })),
    routes: mapped(result.routes, declaredRoute),
    dns: declaredDns(result.dns),
  };
}

/** 1.0 and 1.1. */
export function newestShape(cniVersion: string, result: ResultBody): object {
  return {
    cniVersion,
    dns: sortedDns(result.dns),
    interfaces: mapped(result.interfaces, (link) => ({
      mac: link.mac || undefined,
      mtu: link.mtu || undefined,
      name: link.name,
      pciID: link.pciID || undefined,
      sandbox: link.sandbox || undefined,
      socketPath: link.socketPath || undefined,
    })),
    ips: mapped(result.ips, (ip) => ({
      address: ip.address,
      gateway: ip.gateway || undefined,
      interface: ip.interface,
    })),
    routes: mapped(result.routes, (route) => ({
      advmss: route.advmss || undefined,
      dst: route.dst,
      gw: route.gw || undefined,
      mtu: route.mtu || undefined,
      priority: route.priority || undefined,
      scope: route.scope,
      table: route.table,
    })),
  };
}

function legacyFamily(result: ResultBody, family: "4" | "6", whole: boolean): object | undefined {
  const ip = result.ips?.find((it: IpConfig) => familyOf(it.address) === family);
  if (!ip) return undefined;
  const routes = result.routes?.filter((route) => familyOf(route.dst) === family);
  return {
    ip: ip.address,
    gateway: ip.gateway || undefined,
    routes: mapped(routes, (route) =>
      whole ? declaredRoute(route) : { dst: route.dst, gw: route.gw || undefined },
    ),
  };
}

function declaredRoute(route: Route): object {
  return {
    dst: route.dst,
    gw: route.gw || undefined,
    mtu: route.mtu || undefined,
    advmss: route.advmss || undefined,
    priority: route.priority || undefined,
    table: route.table,
    scope: route.scope,
  };
}

function declaredDns(dns: Dns = {}): object {
  return {
    nameservers: filled(dns.nameservers),
    domain: dns.domain || undefined,
    search: filled(dns.search),
    options: filled(dns.options),
  };
}

function sortedDns(dns: Dns = {}): object | undefined {
  const sorted = {
    domain: dns.domain || undefined,
    nameservers: filled(dns.nameservers),
    options: filled(dns.options),
    search: filled(dns.search),
  };
  return Object.values(sorted).some((it) => it !== undefined) ? sorted : undefined;
}

/** Canonical texts only: a mapped IPv4 address never shows a colon. */
function familyOf(text: string): "4" | "6" {
  return text.includes(":") ? "6" : "4";
}

function mapped<T>(
  list: readonly T[] | undefined,
  shape: (item: T) => object,
): object[] | undefined {
  return filled(list)?.map(shape);
}

function filled<T>(list: readonly T[] | undefined): readonly T[] | undefined {
  return list && list.length > 0 ? list : undefined;
}
