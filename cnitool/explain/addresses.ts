/** What addresses a network's configuration leads to, as far as it says so. */

import type { JsonObject } from "../../libcni/config.ts";
import { type Family, formatAddress, offset, parseAddress } from "../../pkg/ip/address.ts";
import { formatPrefix, network, parsePrefix } from "../../pkg/ip/prefix.ts";

/** An address that the container will have. */
export interface Planned {
  readonly family: Family;
  /** `10.1.0.5/24`, or `ADDRESS4/24` where it is only chosen when the container comes. */
  readonly address: string;
  /** The network it is in; undefined where nobody knows yet. */
  readonly subnet?: string;
  readonly gateway?: string;
}

export interface PlannedRoute {
  readonly dst: string;
  readonly gw?: string;
  /** What else it says, in the words of `ip route`. */
  readonly further?: string;
}

export interface AddressPlan {
  readonly addresses: readonly Planned[];
  readonly routes: readonly PlannedRoute[];
  /** What the plan cannot say. */
  readonly remark?: string;
}

/** The plan of a plugin's `ipam` section. */
export function planAddresses(config: JsonObject): AddressPlan {
  const ipam = objectOf(config.ipam);
  const routes = objectsOf(ipam.routes).map(planRoute);
  switch (ipam.type) {
    case undefined:
    case "":
      return { addresses: [], routes: [] };
    case "host-local":
      return { addresses: rangesOf(ipam).flatMap(planRange), routes };
    case "static":
      return { addresses: objectsOf(ipam.addresses).flatMap(planStatic), routes };
    case "dhcp":
      return { addresses: [], routes, remark: "addresses and routes come from the DHCP server" };
    default:
      return { addresses: [], routes: [], remark: `what "${ipam.type}" gives is not known here` };
  }
}

/** Keys of routes, and what `ip route` calls them. */
const routeWords = {
  priority: "metric",
  table: "table",
  scope: "scope",
  mtu: "mtu",
  advmss: "advmss",
} as const;

function planRoute(route: JsonObject): PlannedRoute {
  const words = Object.entries(routeWords).filter(([key]) => typeof route[key] === "number");
  const further = words.map(([key, word]) => ` ${word} ${route[key]}`).join("");
  return {
    dst: String(route.dst),
    ...(typeof route.gw === "string" && { gw: route.gw }),
    ...(further !== "" && { further }),
  };
}

function rangesOf(ipam: JsonObject): JsonObject[] {
  const first = typeof ipam.subnet === "string" ? [ipam] : [];
  const sets = Array.isArray(ipam.ranges) ? ipam.ranges : [];
  // A set is one address, from whichever of its ranges has one left.
  return [...first, ...sets.flatMap((set) => objectsOf(set).slice(0, 1))];
}

function planRange({ subnet, gateway }: JsonObject): Planned[] {
  const prefix = typeof subnet === "string" ? parsePrefix(subnet) : undefined;
  if (prefix === undefined) return [];
  const base = network(prefix);
  const first = offset(base.address, 1n);
  const { family } = base.address;
  return [
    {
      family,
      address: `ADDRESS${family}/${base.length}`,
      subnet: formatPrefix(base),
      ...(typeof gateway === "string"
        ? { gateway }
        : first !== undefined && { gateway: formatAddress(first) }),
    },
  ];
}

function planStatic({ address, gateway }: JsonObject): Planned[] {
  const prefix = typeof address === "string" ? parsePrefix(address) : undefined;
  if (prefix === undefined) return [];
  return [
    {
      family: prefix.address.family,
      address: formatPrefix(prefix),
      subnet: formatPrefix(network(prefix)),
      ...(typeof gateway === "string" && { gateway }),
    },
  ];
}

/** The family of an address or prefix in text; undefined for what is neither. */
export function familyOf(text: string): Family | undefined {
  return parsePrefix(text)?.address.family ?? parseAddress(text)?.family;
}

/** An object, empty for whatever else it is. */
export function objectOf(value: unknown): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : {};
}

/** The objects in a list. */
export function objectsOf(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.map(objectOf) : [];
}
