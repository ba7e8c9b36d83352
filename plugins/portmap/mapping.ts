/** What is to be published: the runtime's port mappings, checked, and the container's addresses. */

import { toPrefix } from "../../pkg/cni/addresses.ts";
import type { Result } from "../../pkg/cni/result.ts";
import {
  type Address,
  type Family,
  formatAddress,
  isUnspecified,
  parseAddress,
  sameAddress,
} from "../../pkg/ip/address.ts";
import type { Prefix } from "../../pkg/ip/prefix.ts";
import { IpProtocol } from "../../pkg/nftables/match.ts";
import { refuse } from "../../pkg/skel/refuse.ts";
import { lastPort, type PortMapping } from "./config.ts";

/** Where on the host ports are. */
export interface Place {
  readonly protocol: number;
  /** Without one, all of the host's addresses. */
  readonly hostIP?: Address;
  /** The only family it is for; both if not given. */
  readonly family?: Family;
}

/** By port of the host the container's: a thousand of them should not cost a thousand objects. */
type Ports = ReadonlyMap<number, number>;

/** Ports at one place that lead to the container. */
export interface Publication extends Place {
  readonly ports: Ports;
  /** Which of all ports each of them is, in the order they were asked for. */
  readonly turns: readonly number[];
}

/** Ports at one place and the address that they lead to. */
export interface Forward extends Place {
  readonly ports: Ports;
  readonly target: Address;
}

interface Growing extends Publication {
  readonly ports: Map<number, number>;
  readonly turns: number[];
}

/** The mappings by their places. Throws code 7 for what cannot be published, and for one port that leads to two places. */
export function publications(mappings: readonly PortMapping[]): Publication[] {
  const list = new Map<string, Growing>();
  // By the mappings' own words, and for those of the one before without asking: a thousand say the same.
  const byWords = new Map<string, Growing>();
  let before: PortMapping = {};
  let publication: Growing | undefined;
  let turn = 0;
  for (let index = 0; index < mappings.length; index++) {
    const mapping = mappings[index] as PortMapping;
    const { hostPort = 0, containerPort = 0, range = 1 } = mapping;
    const most = lastPort - range + 1;
    const isTooHigh = hostPort > most || containerPort > most;
    if (hostPort <= 0 || containerPort <= 0 || range < 1 || isTooHigh) {
      checkPorts("container", containerPort, range);
      checkPorts("host", hostPort, range);
    }
    const isAlike = before.protocol === mapping.protocol && before.hostIP === mapping.hostIP;
    if (publication === undefined || !isAlike) {
      const words = `${mapping.protocol} ${mapping.hostIP}`;
      publication = byWords.get(words) ?? publicationAt(mapping, list);
      byWords.set(words, publication);
    }
    before = mapping;
    const { ports, turns } = publication;
    for (let at = 0; at < range; at++) {
      const port = hostPort + at;
      const other = ports.get(port);
      if (other === undefined) {
        ports.set(port, containerPort + at);
        turns[turns.length] = turn++;
      } else if (other !== containerPort + at) {
        refuse(`host port ${port}/${placeText(publication)} is mapped twice`);
      }
    }
  }
  return [...list.values()];
}

function publicationAt(mapping: PortMapping, list: Map<string, Growing>): Growing {
  const { protocol = "", hostIP = "" } = mapping;
  const place = { protocol: protocolOf(protocol), ...placeOf(hostIP) };
  const text = placeText(place);
  const publication = list.get(text) ?? { ...place, ports: new Map(), turns: [] };
  list.set(text, publication);
  return publication;
}

/** A port by itself. */
export interface PublishedPort extends Place {
  readonly hostPort: number;
  readonly containerPort: number;
}

/** The ports one by one, as they were asked for. */
export function inOrder(list: readonly Publication[]): PublishedPort[] {
  return list
    .flatMap(({ ports, turns, ...place }) =>
      [...ports].map(([hostPort, containerPort], at) => ({
        port: { ...place, hostPort, containerPort },
        turn: turns[at] ?? 0,
      })),
    )
    .sort((a, b) => a.turn - b.turn)
    .map(({ port }) => port);
}

function placeText({ protocol, hostIP, family }: Place): string {
  const address = hostIP === undefined ? `*${family ?? ""}` : formatAddress(hostIP);
  return `${protocolName(protocol)} of ${address}`;
}

/** The protocols that have ports. */
export type ProtocolName = "tcp" | "udp" | "sctp";

/** The name of a protocol that `publications` let through. */
export function protocolName(protocol: number): ProtocolName {
  if (protocol === IpProtocol.tcp) return "tcp";
  return protocol === IpProtocol.udp ? "udp" : "sctp";
}

function checkPorts(side: "container" | "host", port: number, range: number): void {
  if (port <= 0 || port > lastPort) refuse(`Invalid ${side} port number: ${port}`);
  if (range < 1) refuse(`Invalid range of ports: ${range}`);
  const last = port + range - 1;
  if (last > lastPort) refuse(`Invalid ${side} port number: ${last}`);
}

function protocolOf(name: string): number {
  const lower = name.toLowerCase();
  if (lower === "tcp" || lower === "udp" || lower === "sctp") return IpProtocol[lower];
  refuse(`unknown protocol "${name}": expected "tcp", "udp" or "sctp"`);
}

function placeOf(hostIP: string): Omit<Place, "protocol"> {
  if (hostIP === "") return {};
  const address = parseAddress(hostIP);
  if (address === undefined) refuse(`invalid IP address: ${hostIP}`);
  return isUnspecified(address)
    ? { family: address.family }
    : { hostIP: address, family: address.family };
}

/** Whether a publication says anything about a family. */
export function concerns({ family }: Place, wanted: Family): boolean {
  return family === undefined || family === wanted;
}

/** Whether two of them are about the same host address. */
export function sameHostIP(a: Address | undefined, b: Address | undefined): boolean {
  return a === undefined || b === undefined ? a === b : sameAddress(a, b);
}

/** The addresses that ports lead to: the container's first of each family, with their networks' lengths. */
export type Targets = Partial<Record<Family, Prefix>>;

/** Addresses of other interfaces, or of the host's own, are nothing to lead to. */
export function targetsOf({ ips = [], interfaces = [] }: Result, ifName: string): Targets {
  const targets: Targets = {};
  for (const { address, interface: place } of ips) {
    const owner = place === undefined ? undefined : interfaces[place];
    if (owner !== undefined && (owner.name !== ifName || !owner.sandbox)) continue;
    const prefix = toPrefix(address);
    targets[prefix.address.family] ??= prefix;
  }
  return targets;
}

/** Throws where a host address is asked for whose family the container does not have: nothing would answer there. */
export function checkFamilies(list: readonly Place[], targets: Targets): void {
  for (const { hostIP } of list) {
    if (hostIP === undefined || targets[hostIP.family] !== undefined) continue;
    const text = formatAddress(hostIP);
    refuse(`cannot publish on ${text}: the container has no IPv${hostIP.family} address`);
  }
}
