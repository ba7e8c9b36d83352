/** Mistakes in addresses that IPAM plugins are to give: ranges, gateways, and routes that lead nowhere. */

import type { JsonNode } from "../../libcni/json-tree.ts";
import { atLeast } from "../../pkg/cni/version.ts";
import { type Address, parseAddress } from "../../pkg/ip/address.ts";
import { parseSpan } from "../../pkg/ip/exclude.ts";
import { contains, type Prefix, parsePrefix } from "../../pkg/ip/prefix.ts";
import type { Range } from "../../pkg/ip/range.ts";
import { type RangeConfig, type RangeSet, readRangeSets } from "../../pkg/ip/range-set.ts";
import { ipamTypeOf, type Link, toValueAt } from "./chain.ts";
import { type Finding, memberOf, type Severity, textOf } from "./finding.ts";

/** The version from which a result may hold several addresses of a family. */
const severalPerFamily = "0.3.0";

/** What is wrong with the addresses that the plugin's IPAM plugin is told of. */
export function checkAddresses(link: Link, cniVersion: string): Finding[] {
  switch (ipamTypeOf(link)) {
    case "host-local":
      return checkRanges(link, cniVersion);
    case "static":
      return checkStatic(link);
    default:
      return [];
  }
}

/** The range sets of a plugin that has its addresses from host-local; none if they are wrong. */
export function rangeSetsOf(link: Link): readonly RangeSet[] {
  if (ipamTypeOf(link) !== "host-local") return [];
  try {
    return readRangeSets(rangeConfigs(memberOf(link.node, "ipam")));
  } catch {
    return []; // told by checkRanges
  }
}

/** The section's own range first, as host-local takes them. */
function rangeConfigs(ipam: JsonNode | undefined): RangeConfig[][] {
  const own = rangeConfig(ipam);
  const sets = memberOf(ipam, "ranges");
  const further = sets?.kind === "list" ? sets.items : [];
  return [
    ...(own.subnet ? [[own]] : []),
    ...further.map((set) => (set.kind === "list" ? set.items.map(rangeConfig) : [])),
  ];
}

function rangeConfig(node: JsonNode | undefined): RangeConfig {
  const config: Record<string, string> = {};
  for (const key of ["subnet", "rangeStart", "rangeEnd", "gateway"]) {
    const text = textOf(memberOf(node, key));
    if (text !== undefined) config[key] = text;
  }
  return config;
}

function checkRanges(link: Link, cniVersion: string): Finding[] {
  const ipam = memberOf(link.node, "ipam");
  if (ipam === undefined) return [];
  const configs = rangeConfigs(ipam);
  if (configs.length === 0) {
    if (toValueAt(link.node, "capabilities", "ipRanges") === true) return [];
    return [finding(ipam, "error", "no IP ranges specified")];
  }
  const single = atLeast(cniVersion || "0.1.0", severalPerFamily) ? undefined : cniVersion;
  const exclude = spansOf(memberOf(ipam, "exclude"));
  const ranges = memberOf(ipam, "ranges") ?? ipam;
  try {
    const sets = readRangeSets(configs, {
      ...(single !== undefined && { singleVersion: single }),
      exclude,
    });
    return [...checkGateways(ranges, sets), ...checkRoutes(ipam, prefixesOf(sets))];
  } catch (error) {
    return [finding(ranges, "error", error instanceof Error ? error.message : String(error))];
  }
}

function spansOf(node: JsonNode | undefined): Range[] {
  const texts = node?.kind === "list" ? node.items.map(textOf) : [];
  return texts.flatMap((text) => (text === undefined ? [] : (parseSpan(text) ?? [])));
}

function prefixesOf(sets: readonly RangeSet[]): Prefix[] {
  return sets.flatMap((set) => set.map(({ subnet }) => subnet));
}

function checkGateways(node: JsonNode, sets: readonly RangeSet[]): Finding[] {
  const outside = sets.flat().filter(({ subnet, gateway }) => !contains(subnet, gateway));
  if (outside.length === 0) return [];
  return [
    finding(node, "warning", "a gateway is outside its subnet: the container cannot reach it"),
  ];
}

function checkStatic(link: Link): Finding[] {
  const ipam = memberOf(link.node, "ipam");
  if (ipam === undefined) return [];
  const addresses = memberOf(ipam, "addresses");
  const entries = addresses?.kind === "list" ? addresses.items : [];
  if (entries.length === 0) {
    if (toValueAt(link.node, "capabilities", "ips") === true) return [];
    const what = `static gives an address only if the runtime names one: "addresses" is empty`;
    return [finding(ipam, "note", what)];
  }
  const prefixes = entries.flatMap((entry) => prefixAt(entry, "address") ?? []);
  const gateways = entries.flatMap((entry): Finding[] => {
    const prefix = prefixAt(entry, "address");
    const gateway = addressAt(entry, "gateway");
    if (prefix === undefined || gateway === undefined || contains(prefix, gateway)) return [];
    const what = "the gateway is outside its subnet: the container cannot reach it";
    return [finding(entry, "warning", what)];
  });
  return [...gateways, ...checkRoutes(ipam, prefixes)];
}

/** A next hop that no address is beside: the kernel refuses such a route. */
function checkRoutes(ipam: JsonNode, prefixes: readonly Prefix[]): Finding[] {
  const routes = memberOf(ipam, "routes");
  const entries = routes?.kind === "list" ? routes.items : [];
  return entries.flatMap((entry): Finding[] => {
    const gateway = addressAt(entry, "gw");
    if (gateway === undefined || prefixes.some((prefix) => contains(prefix, gateway))) return [];
    const what = `the next hop ${textOf(memberOf(entry, "gw"))} is in no network of the container`;
    return [finding(entry, "warning", what)];
  });
}

function prefixAt(node: JsonNode, key: string): Prefix | undefined {
  const text = textOf(memberOf(node, key));
  return text === undefined ? undefined : parsePrefix(text);
}

function addressAt(node: JsonNode, key: string): Address | undefined {
  const text = textOf(memberOf(node, key));
  return text === undefined ? undefined : parseAddress(text);
}

function finding(node: JsonNode, severity: Severity, message: string): Finding {
  return { severity, offset: node.start, message };
}
