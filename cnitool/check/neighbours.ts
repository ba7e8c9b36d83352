/** What two networks of one host quarrel about: a bridge, a master, a VLAN, addresses, a name. */

import type { JsonNode } from "../../libcni/json-tree.ts";
import { formatPrefix, type Prefix, samePrefix } from "../../pkg/ip/prefix.ts";
import { formatRange, overlaps } from "../../pkg/ip/range.ts";
import { rangeSetsOf } from "./addresses.ts";
import { type Link, toValueAt } from "./chain.ts";
import { type Finding, memberOf, textOf } from "./finding.ts";

/** Another network of the directory. */
export interface Neighbour {
  readonly file: string;
  readonly name: string;
  readonly links: readonly Link[];
}

/** What is wrong with these plugins beside those of the other networks. */
export function checkNeighbours(
  tree: JsonNode,
  links: readonly Link[],
  neighbours: readonly Neighbour[],
): Finding[] {
  const found: Finding[] = [];
  const name = memberOf(tree, "name");
  for (const neighbour of neighbours) {
    if (name !== undefined && textOf(name) === neighbour.name) {
      found.push(warning(name, `${neighbour.file} has a network of this name too`));
    }
    for (const link of links) {
      for (const other of neighbour.links) {
        const whose = `network "${neighbour.name}" (${neighbour.file})`;
        for (const what of quarrels(link, other, whose)) found.push(warning(placeOf(link), what));
      }
    }
  }
  return found;
}

function quarrels(link: Link, other: Link, whose: string): string[] {
  return [
    ...bridgeQuarrels(link, other, whose),
    ...masterQuarrels(link, other, whose),
    ...addressQuarrels(link, other, whose),
  ];
}

function bridgeQuarrels(link: Link, other: Link, whose: string): string[] {
  const bridgeOf = ({ node }: Link) => textOf(memberOf(node, "bridge")) || "cni0";
  if (link.type !== "bridge" || other.type !== "bridge") return [];
  const name = bridgeOf(link);
  if (name !== bridgeOf(other)) return [];
  const first = "the bridge is as the first container's network has it";
  const mtus = [link, other].map(({ node }) => toValueAt(node, "mtu") ?? 0);
  const vlans = [link, other].map(keepsVlansApart);
  return [
    ...(mtus[0] === mtus[1]
      ? []
      : [`"${name}" has another MTU in ${whose}, ${mtus[1] || "the default"}: ${first}`]),
    ...(vlans[0] === vlans[1]
      ? []
      : [`"${name}" keeps VLANs apart only in ${vlans[0] ? "this network" : whose}: ${first}`]),
    ...gatewayQuarrels(link, other, whose),
  ];
}

function keepsVlansApart({ node }: Link): boolean {
  return Number(toValueAt(node, "vlan") ?? 0) !== 0 || memberOf(node, "vlanTrunk") !== undefined;
}

/** A bridge takes one IPv4 address, or replaces it, if it is told to. */
function gatewayQuarrels(link: Link, other: Link, whose: string): string[] {
  const isGateway = ({ node }: Link) =>
    ["isGateway", "isDefaultGateway"].some((key) => toValueAt(node, key) === true);
  const vlanOf = ({ node }: Link) => Number(toValueAt(node, "vlan") ?? 0);
  if (!isGateway(link) || !isGateway(other) || vlanOf(link) !== vlanOf(other)) return [];
  const own = gatewayOf(link);
  const others = gatewayOf(other);
  if (own === undefined || others === undefined || samePrefix(own, others)) return [];
  const does =
    toValueAt(link.node, "forceAddress") === true
      ? "takes away the gateway's address"
      : "fails while the bridge has the gateway's address";
  return [`this network ${does} of ${whose}, ${formatPrefix(others)}`];
}

function masterQuarrels(link: Link, other: Link, whose: string): string[] {
  const master = textOf(memberOf(link.node, "master"));
  if (!master || master === "prevResult" || master !== textOf(memberOf(other.node, "master"))) {
    return [];
  }
  const [own, others] = [link, other].map(({ node }) => toValueAt(node, "mode") || undefined);
  const types = [link.type, other.type].sort().join();
  if (types === "ipvlan,ipvlan" && (own ?? "l2") !== (others ?? "l2")) {
    return [`"${master}" has one mode for all ipvlan interfaces, and ${whose} has another`];
  }
  if (types === "ipvlan,macvlan") {
    return [`"${master}" cannot have macvlan and ipvlan interfaces at once, as of ${whose}`];
  }
  if (types === "macvlan,macvlan" && [own, others].includes("passthru")) {
    return [`"${master}" in passthru mode has one interface only, and ${whose} is on it too`];
  }
  const ids = [link, other].map(({ node }) => toValueAt(node, "vlanId"));
  if (types === "vlan,vlan" && ids[0] === ids[1]) {
    return [`VLAN ${ids[0]} of "${master}" is taken by containers of ${whose}`];
  }
  return [];
}

/** Each network knows of its own reservations only; a subnet may be shared where the ranges are not. */
function addressQuarrels(link: Link, other: Link, whose: string): string[] {
  for (const own of rangeSetsOf(link).flat()) {
    const theirs = rangeSetsOf(other)
      .flat()
      .find((it) => overlaps(own, it));
    if (theirs === undefined) continue;
    return [`the addresses ${formatRange(own)} overlap with ${formatRange(theirs)} of ${whose}`];
  }
  return [];
}

/** The address that a network's containers have their bridge have, of IPv4. */
function gatewayOf(link: Link): Prefix | undefined {
  const range = rangeSetsOf(link)
    .flat()
    .find(({ start }) => start.family === 4);
  return range && { address: range.gateway, length: range.subnet.length };
}

function placeOf({ node }: Link): JsonNode {
  return memberOf(node, "type") ?? node;
}

function warning({ start }: JsonNode, message: string): Finding {
  return { severity: "warning", offset: start, message };
}
