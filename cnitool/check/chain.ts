/** Mistakes that no plugin can see by itself: in the order of a chain, and in what one plugin needs of another. */

import { type JsonNode, toValue } from "../../libcni/json-tree.ts";
import { type Finding, memberOf, type Severity, textOf } from "./finding.ts";

/** A plugin of a chain, and where it stands. */
export interface Link {
  readonly type: string;
  readonly node: JsonNode;
}

/** Plugins that make an interface; those of third parties count as such, unless they stand behind one. */
const makers = [
  "bridge",
  "dummy",
  "host-device",
  "ipvlan",
  "loopback",
  "macvlan",
  "ptp",
  "tap",
  "veth",
  "vlan",
];
/** Plugins that change what one before them made. */
const followers = ["bandwidth", "firewall", "portmap", "sbr", "tuning", "vrf"];
/** Plugins that make hardly any sense without addresses; the reference's fail. */
const needAddresses = ["ptp", "veth"];
/** Plugins that take addresses from IPAM, but do without. */
const takeAddresses = ["bridge", "ipvlan", "macvlan", "tap", "vlan"];

export const knownTypes: readonly string[] = [
  ...makers,
  ...followers,
  "debug",
  "dhcp",
  "host-local",
  "static",
];

/** What is wrong with a chain as a whole. */
export function checkChain(links: readonly Link[]): Finding[] {
  const firstMaker = links.findIndex(({ type }) => !followers.includes(type));
  return links.flatMap((link, index) => [
    ...checkOrder(link, index, { links, firstMaker }),
    ...checkNeeds(link, links.slice(0, index)),
    ...checkCapabilities(link),
    ...checkHairpin(link, links.slice(index + 1)),
  ]);
}

function checkOrder(
  link: Link,
  index: number,
  { links, firstMaker }: { links: readonly Link[]; firstMaker: number },
): Finding[] {
  if (followers.includes(link.type) && (firstMaker < 0 || index < firstMaker)) {
    const maker = links[firstMaker]?.type;
    const advice = maker === undefined ? "there is none" : `it must stand behind ${maker}`;
    const what = `${link.type} works on what a plugin before it has made: ${advice}`;
    return [finding("error", link, what)];
  }
  const first = links[firstMaker]?.type ?? "";
  if (makers.includes(link.type) && index > firstMaker && makers.includes(first)) {
    const what = `${link.type} makes the same interface as ${first} before it, and will fail`;
    return [finding("error", link, what)];
  }
  return [];
}

/** Addresses: who must have them, and who works in vain without. */
function checkNeeds(link: Link, before: readonly Link[]): Finding[] {
  const hasIpam = (candidate: Link) => ipamTypeOf(candidate) !== "";
  const isBare = !hasIpam(link);
  if (link.type === "dummy" && isBare) {
    return [finding("error", link, `dummy needs an "ipam" with a "type"`)];
  }
  if (needAddresses.includes(link.type) && isBare) {
    const what = `the container gets no address: "ipam" is missing, without which the reference's ${link.type} fails`;
    return [finding("warning", link, what)];
  }
  if (takeAddresses.includes(link.type) && isBare) {
    return [
      finding("note", link, `the container gets no address: there is no "ipam" with a "type"`),
    ];
  }
  const wantsAddresses = link.type === "portmap" || link.type === "firewall" || link.type === "sbr";
  const isKnown = before.length > 0 && before.every(({ type }) => knownTypes.includes(type));
  if (wantsAddresses && isKnown && !before.some(hasIpam)) {
    const what = `${link.type} does nothing for a container without addresses: no plugin before it has "ipam"`;
    return [finding("warning", link, what)];
  }
  return [];
}

/** What only the runtime knows reaches a plugin by a capability that it declares. */
function checkCapabilities(link: Link): Finding[] {
  const declares = (name: string) => toValueAt(link.node, "capabilities", name) === true;
  if (link.type === "portmap" && !declares("portMappings")) {
    return [
      finding(
        "warning",
        link,
        `portmap never learns of a port: declare "capabilities": {"portMappings": true}`,
      ),
    ];
  }
  const rates = ["ingressRate", "egressRate"].some((key) => memberOf(link.node, key) !== undefined);
  if (link.type === "bandwidth" && !rates && !declares("bandwidth")) {
    const what = `bandwidth limits nothing: give it rates, or declare "capabilities": {"bandwidth": true}`;
    return [finding("warning", link, what)];
  }
  return [];
}

function checkHairpin(link: Link, behind: readonly Link[]): Finding[] {
  if (link.type !== "bridge" || toValueAt(link.node, "hairpinMode") === true) return [];
  if (!behind.some(({ type }) => type === "portmap")) return [];
  const what = "without hairpinMode a container cannot reach itself through its own host port";
  return [finding("note", link, what)];
}

/** The type of a plugin's IPAM plugin; "" for none. */
export function ipamTypeOf({ node }: Link): string {
  return textOf(memberOf(memberOf(node, "ipam"), "type")) ?? "";
}

/** The value at a path of keys; undefined where there is none. */
export function toValueAt(node: JsonNode, ...keys: readonly string[]): unknown {
  let at: JsonNode | undefined = node;
  for (const key of keys) at = memberOf(at, key);
  return at === undefined ? undefined : toValue(at);
}

function finding(severity: Severity, { node }: Link, message: string): Finding {
  return { severity, offset: memberOf(node, "type")?.start ?? node.start, message };
}
