/** What the portmap plugin makes, in the reference's tables. */

import type { JsonObject } from "../../libcni/config.ts";
import type { Family } from "../../pkg/ip/address.ts";
import { familyOf, objectOf, objectsOf, type Planned } from "./addresses.ts";
import { type Explanation, nft, withoutLength } from "./lines.ts";

/** A port of the host, and the container's that it leads to. */
interface Mapping {
  readonly protocol: string;
  readonly hostPort: string;
  readonly containerPort: string;
  readonly hostIP: string;
}

export function explainPortmap({ config, given }: Explanation): string[] {
  const mappings = objectsOf(objectOf(config.runtimeConfig).portMappings).flatMap(expand);
  if (config.backend === "iptables") return ["# and rules of iptables in table nat"];
  const families = ([4, 6] as const).flatMap((family) => {
    const target = given.addresses.find((it) => it.family === family);
    return target === undefined ? [] : [{ family, target }];
  });
  const tables = families.flatMap((it) => tableLines(config, it.family));
  if (mappings.length > 0) {
    return [...tables, ...families.flatMap((it) => ruleLines(config, mappings, it.target))];
  }
  return [...tables, "# and rules for the ports that the runtime names: CAP_ARGS shows them"];
}

function expand({ protocol, hostPort, containerPort, hostIP, range = 1 }: JsonObject): Mapping[] {
  return Array.from({ length: Number(range) }, (_, at) => ({
    protocol: String(protocol).toLowerCase(),
    hostPort: String(Number(hostPort) + at),
    containerPort: String(Number(containerPort) + at),
    hostIP: typeof hostIP === "string" ? hostIP : "",
  }));
}

function tableOf(family: Family): string {
  return `${family === 4 ? "ip" : "ip6"} cni_hostport`;
}

/** What all containers share. */
function tableLines({ snat }: JsonObject, family: Family): string[] {
  const table = tableOf(family);
  const entry = (name: string, hook: string) => [
    nft(`add chain ${table} ${name} { type nat hook ${hook} priority -99; }`),
    nft(`flush chain ${table} ${name}`),
    nft(`add rule ${table} ${name} fib daddr type local jump hostports`),
  ];
  const guard = `${table} localnet_guard`;
  const hidden = [
    nft(`add chain ${table} masquerading { type nat hook postrouting priority srcnat; }`),
    ...(family === 6
      ? []
      : [
          nft(`add chain ${guard} { type filter hook prerouting priority raw; }`),
          nft(`flush chain ${guard}`),
          nft(`add rule ${guard} iif != "lo" ip daddr 127.0.0.0/8 drop`),
          nft(`add rule ${guard} iif != "lo" ip saddr 127.0.0.0/8 drop`),
        ]),
  ];
  return [
    nft(`add table ${table}`),
    nft(`add chain ${table} hostports`),
    ...entry("late_prerouting", "prerouting"),
    ...entry("late_output", "output"),
    ...(snat === false ? [] : hidden),
  ];
}

/** The container's own: its ports in a map, those of certain host addresses in one that is asked first. */
function ruleLines(config: JsonObject, mappings: readonly Mapping[], target: Planned): string[] {
  const { family } = target;
  const own = mappings.filter(({ hostIP }) => hostIP === "" || familyOf(hostIP) === family);
  if (own.length === 0) return [];
  const isForAll = ({ hostIP }: Mapping) => ["", "0.0.0.0", "::"].includes(hostIP);
  const anywhere = own.filter(isForAll);
  const somewhere = own.filter((mapping) => !isForAll(mapping));
  return [
    ...(anywhere.length > 0 ? [mapLine("add", config, anywhere, target)] : []),
    ...(somewhere.length > 0 ? [mapLine("insert", config, somewhere, target)] : []),
    ...sourceLines(config, target),
  ];
}

function mapLine(
  verb: "add" | "insert",
  config: JsonObject,
  mappings: readonly Mapping[],
  { family, address }: Planned,
): string {
  const ip = family === 4 ? "ip" : "ip6";
  const conditions = config[`conditionsV${family}`];
  const own = withoutLength(address);
  const place = verb === "insert" ? `${ip} daddr . ` : "";
  const elements = mappings.map(({ protocol, hostPort, containerPort, hostIP }) => {
    const host = verb === "insert" ? `${hostIP} . ` : "";
    return `${host}${protocol} . ${hostPort} : ${own} . ${containerPort}`;
  });
  const words = Array.isArray(conditions) ? conditions.map((word) => `${word} `).join("") : "";
  const map = `${place}meta l4proto . th dport map { ${elements.join(", ")} }`;
  return nft(`${verb} rule ${tableOf(family)} hostports ${words}dnat ${ip} to ${map}`);
}

/** Whose packets get the host's address, so that the answers come back this way. */
function sourceLines({ snat, masqAll }: JsonObject, planned: Planned): string[] {
  if (snat === false) return [];
  const { family, address, subnet } = planned;
  const ip = family === 4 ? "ip" : "ip6";
  const chain = `${tableOf(family)} masquerading`;
  const rule = (from: string) =>
    nft(`add rule ${chain} ${from}${ip} daddr ${withoutLength(address)} ct status dnat masquerade`);
  if (masqAll === true) return [rule("")];
  const near = rule(`${ip} saddr ${subnet} `);
  return family === 6 ? [near] : [near, rule("ip saddr 127.0.0.0/8 ")];
}
