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

/** A port of the host that leads to one of the container. */
export interface Publication {
  readonly protocol: number;
  /** Without one, all of the host's addresses. */
  readonly hostIP?: Address;
  /** The only family it is for; both if not given. */
  readonly family?: Family;
  readonly hostPort: number;
  readonly containerPort: number;
}

/** The mappings, one port each. Throws code 7 for what cannot be published, and for one port that leads to two places. */
export function publications(mappings: readonly PortMapping[]): Publication[] {
  const list: Publication[] = [];
  // By port number within each place: a thousand ports should not cost a thousand texts.
  const known = new Map<string, Map<number, Publication>>();
  for (const mapping of mappings) {
    const ports = expand(mapping);
    const [first] = ports;
    if (first === undefined) continue;
    const place = placeText(first);
    const taken = known.get(place) ?? new Map<number, Publication>();
    known.set(place, taken);
    for (const publication of ports) {
      const { hostPort, containerPort } = publication;
      const other = taken.get(hostPort);
      if (other === undefined) {
        taken.set(hostPort, publication);
        list.push(publication);
      } else if (other.containerPort !== containerPort) {
        refuse(`host port ${hostPort}/${place} is mapped twice`);
      }
    }
  }
  return list;
}

function placeText({ protocol, hostIP, family }: Publication): string {
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

function expand(mapping: PortMapping): Publication[] {
  const { hostPort, containerPort, range } = mapping;
  checkPorts("container", containerPort, range);
  checkPorts("host", hostPort, range);
  const protocol = protocolOf(mapping.protocol);
  const place = placeOf(mapping.hostIP);
  return Array.from({ length: range }, (_, at) => ({
    protocol,
    ...place,
    hostPort: hostPort + at,
    containerPort: containerPort + at,
  }));
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

function placeOf(hostIP: string): Pick<Publication, "hostIP" | "family"> {
  if (hostIP === "") return {};
  const address = parseAddress(hostIP);
  if (address === undefined) refuse(`invalid IP address: ${hostIP}`);
  return isUnspecified(address)
    ? { family: address.family }
    : { hostIP: address, family: address.family };
}

/** Whether a publication says anything about a family. */
export function concerns({ family }: Publication, wanted: Family): boolean {
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
export function checkFamilies(list: readonly Publication[], targets: Targets): void {
  for (const { hostIP } of list) {
    if (hostIP === undefined || targets[hostIP.family] !== undefined) continue;
    const text = formatAddress(hostIP);
    refuse(`cannot publish on ${text}: the container has no IPv${hostIP.family} address`);
  }
}
