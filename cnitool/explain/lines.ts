/** What the explanations of several plugins have in common: lines of ip, sysctl and nft. */

import type { JsonObject } from "../../libcni/config.ts";
import { addressBits, type Family, isLinkLocal, parseAddress } from "../../pkg/ip/address.ts";
import {
  type AddressPlan,
  familyOf,
  objectOf,
  type Planned,
  type PlannedRoute,
} from "./addresses.ts";

/** One plugin of a network, and what is there when its turn comes. */
export interface Explanation {
  readonly config: JsonObject;
  readonly ifName: string;
  /** The addresses and routes of its own `ipam`. */
  readonly plan: AddressPlan;
  /** Its own, or those of the plugins before it. */
  readonly given: AddressPlan;
  /** The plugins before it. */
  readonly before: readonly { readonly type: string; readonly config: JsonObject }[];
}

/** Whether the container's interface has its other end on the host. */
export function hasPair(before: Explanation["before"]): boolean {
  return before.some(({ type }) => ["bridge", "ptp", "veth"].includes(type));
}

/** A plugin's lines. One that begins with "#" is a remark; capital letters stand for what is not known yet. */
export type Explainer = (it: Explanation) => string[];

/** A command of ip in the container. */
export function inside(command: string): string {
  return `ip -n NETNS ${command}`;
}

/** A kernel parameter of the container. */
export function sysctlInside(setting: string): string {
  return `ip netns exec NETNS sysctl -w ${setting}`;
}

/** A command of nft, in quotes, as shells take its braces and semicolons for theirs. */
export function nft(command: string): string {
  return `nft '${command}'`;
}

/** The MTU, with a word of ip before it; nothing where the kernel's is left. "auto" is known on the host only. */
export function mtuWords({ mtu }: JsonObject): string {
  return mtu === "auto" ? " mtu MTU" : typeof mtu === "number" && mtu > 0 ? ` mtu ${mtu}` : "";
}

/** What "auto" stands for, as a remark. */
export function autoMtu({ mtu, mtuOverhead }: JsonObject): string[] {
  if (mtu !== "auto") return [];
  const less = typeof mtuOverhead === "number" && mtuOverhead > 0 ? ` less ${mtuOverhead}` : "";
  return [`# MTU: that of the default route's interface${less}`];
}

/** The MAC address that the configuration or the runtime asks for, with a word of ip before it. */
export function macWords({ runtimeConfig, args, mac }: JsonObject): string {
  const places = [objectOf(runtimeConfig).mac, objectOf(objectOf(args).cni).mac, mac];
  const wanted = places.find((it) => typeof it === "string" && it !== "");
  return wanted === undefined ? "" : ` address ${wanted}`;
}

export function up(ifName: string): string {
  return inside(`link set ${ifName} up`);
}

/**
 * Gives an interface that is down its addresses, brings it up and adds the routes. `examined`: IPv6 addresses
 * are looked for on the wire first; `noPrefix`: without the routes to their networks.
 */
export function configured(
  ifName: string,
  { addresses, routes }: AddressPlan,
  { examined = false, noPrefix = false } = {},
  ownRoutes: readonly string[] = [],
): string[] {
  const prefix = noPrefix ? " noprefixroute" : "";
  const has6 = addresses.some(({ family }) => family === 6);
  return [
    ...(has6
      ? ["accept_ra", "autoconf"].map((key) => sysctlInside(`net/ipv6/conf/${ifName}/${key}=0`))
      : []),
    ...addresses.map(({ address, family }) => {
      const noDad = family === 6 && !examined ? " nodad" : "";
      return inside(`address add ${address} dev ${ifName}${noDad}${prefix}`);
    }),
    up(ifName),
    ...ownRoutes,
    ...routes.map((route) => routeLine(ifName, addresses, route)),
  ];
}

/** A route without a next hop goes by the gateway of its family. */
function routeLine(
  ifName: string,
  addresses: readonly Planned[],
  { dst, gw, further = "" }: PlannedRoute,
): string {
  const family = familyOf(dst);
  const by = gw ?? addresses.find((it) => it.family === family)?.gateway;
  return inside(`route add ${dst}${by === undefined ? "" : ` via ${by}`} dev ${ifName}${further}`);
}

/** What a host's end that is a gateway of IPv6 has before its first carrier, without waiting for the kernel to add it. */
export function linkLocal(link: string, gateways: readonly Planned[]): string[] {
  const of6 = gateways.flatMap(({ gateway }) => {
    const address = gateway === undefined ? undefined : parseAddress(gateway);
    return address?.family === 6 ? [address] : [];
  });
  if (of6.length === 0 || of6.some(isLinkLocal)) return [];
  return [
    `# LINKLOCAL: what follows from the MAC address of ${link}`,
    `ip address replace LINKLOCAL/64 dev ${link} nodad    # if it has none`,
  ];
}

/** Turns forwarding on for the families of these addresses. */
export function forwarding(addresses: readonly Planned[]): string[] {
  const families = new Set(addresses.map(({ family }) => family));
  return [
    ...(families.has(4) ? ["sysctl -w net.ipv4.ip_forward=1"] : []),
    ...(families.has(6) ? ["sysctl -w net.ipv6.conf.all.forwarding=1"] : []),
  ];
}

/** A container must not be able to reconfigure the host by router advertisements. */
export function deafToRouters(link: string): string {
  return `sysctl -w net/ipv6/conf/${link}/accept_ra=0`;
}

const table = "inet cni_plugins_masquerade";

/** The rules of `ipMasq`, in the reference's table. */
export function masquerade(config: JsonObject, { addresses }: AddressPlan): string[] {
  if (config.ipMasq !== true || addresses.length === 0) return [];
  if (config.ipMasqBackend === "iptables") return masqueradeByIptables(addresses);
  return [
    nft(`add table ${table}`),
    nft(`add chain ${table} masq_checks`),
    nft(`add chain ${table} postrouting { type nat hook postrouting priority srcnat; }`),
    nft(`flush chain ${table} postrouting`),
    nft(`add rule ${table} postrouting ip daddr 224.0.0.0/4 return`),
    nft(`add rule ${table} postrouting ip6 daddr ff00::/8 return`),
    nft(`add rule ${table} postrouting goto masq_checks`),
    ...addresses.map(({ family, address, subnet }) => {
      const ip = family === 4 ? "ip" : "ip6";
      const own = withoutLength(address);
      return nft(
        `add rule ${table} masq_checks ${ip} saddr ${own} ${ip} daddr != ${subnet} masquerade`,
      );
    }),
  ];
}

/** The same in the reference's chain, which it calls by a hash of the network's name and the container's id. */
function masqueradeByIptables(addresses: readonly Planned[]): string[] {
  return ([4, 6] as const).flatMap((family) => {
    const own = addresses.filter((address) => address.family === family);
    if (own.length === 0) return [];
    const iptables = `${family === 4 ? "iptables" : "ip6tables"} -t nat`;
    return [
      `${iptables} -N CNI-HASH`,
      ...own.map(({ subnet }) => `${iptables} -A CNI-HASH -d ${subnet} -j ACCEPT`),
      `${iptables} -A CNI-HASH ! -d ${family === 4 ? "224.0.0.0/4" : "ff00::/8"} -j MASQUERADE`,
      ...own.map(
        ({ address }) => `${iptables} -A POSTROUTING -s ${withoutLength(address)} -j CNI-HASH`,
      ),
    ];
  });
}

/** `10.1.0.5` of `10.1.0.5/24`. */
export function withoutLength(address: string): string {
  return address.replace(/\/.*/, "");
}

/** `10.1.0.5/32` of `10.1.0.5/24` or `10.1.0.5`. */
export function asHost(address: string, family: Family): string {
  return `${withoutLength(address)}/${addressBits(family)}`;
}

/** `24` of `10.1.0.5/24`. */
export function lengthOf(address: string): string {
  return address.slice(address.indexOf("/") + 1);
}

export function textOr(value: unknown, fallback: string): string {
  return typeof value === "string" && value !== "" ? value : fallback;
}
