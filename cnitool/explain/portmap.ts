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
  const families = ([4, 6] as const).flatMap((family) => {
    const target = given.addresses.find((it) => it.family === family);
    return target === undefined ? [] : [{ family, target }];
  });
  if (isForIptables(config)) {
    if (mappings.length === 0)
      return ["# rules of iptables for the ports that the runtime names: CAP_ARGS shows them"];
    return families.flatMap(({ family, target }) =>
      byIptables(config, mappings, { family, target }),
    );
  }
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

/** As the plugin chooses, on a kernel that has nf_tables. */
function isForIptables(config: JsonObject): boolean {
  const { backend, markMasqBit, externalSetMarkChain, conditionsV4, conditionsV6 } = config;
  if (backend === "iptables" || backend === "nftables") return backend === "iptables";
  const words = [conditionsV4, conditionsV6].flatMap((list) => (Array.isArray(list) ? list : []));
  return (
    markMasqBit !== undefined ||
    externalSetMarkChain !== undefined ||
    /^[-!]/.test(String(words[0] ?? ""))
  );
}

/** The reference's chains; the container's is called by a hash of the network's name and the container's id. */
function byIptables(
  config: JsonObject,
  mappings: readonly Mapping[],
  { family, target }: { family: Family; target: Planned },
): string[] {
  const { snat, masqAll, externalSetMarkChain, markMasqBit = 13 } = config;
  const own = mappings.filter(({ hostIP }) => hostIP === "" || familyOf(hostIP) === family);
  if (own.length === 0) return [];
  const program = `${family === 4 ? "iptables" : "ip6tables"}`;
  const nat = (words: string) => `${program} -t nat ${words}`;
  const bit = `0x${(2 ** Number(markMasqBit)).toString(16)}`;
  const mark = typeof externalSetMarkChain === "string" ? externalSetMarkChain : undefined;
  const conditions = config[`conditionsV${family}`];
  const words = Array.isArray(conditions) ? conditions.map((word) => ` ${word}`).join("") : "";
  const hidden = [target.subnet, ...(family === 4 ? ["127.0.0.1"] : [])].map((it) => `-s ${it} `);
  const sources = snat === false ? [] : masqAll === true ? [""] : hidden;
  const ofPort = ({ protocol, hostPort, containerPort, hostIP }: Mapping) => {
    const place = ["", "0.0.0.0", "::"].includes(hostIP) ? "" : `-d ${hostIP} `;
    const port = `${place}-p ${protocol} --dport ${hostPort}`;
    const address = withoutLength(target.address);
    const to = family === 4 ? address : `[${address}]`;
    return [
      ...sources.map((it) =>
        nat(`-A CNI-DN-HASH ${it}${port} -j ${mark ?? "CNI-HOSTPORT-SETMARK"}`),
      ),
      nat(`-A CNI-DN-HASH ${port} -j DNAT --to-destination ${to}:${containerPort}`),
      nat(`-A CNI-HOSTPORT-DNAT -p ${protocol} --dport ${hostPort}${words} -j CNI-DN-HASH`),
    ];
  };
  return [
    ...(snat === false || family === 6
      ? []
      : ["-d", "-s"].map(
          (it) => `iptables -t raw -I PREROUTING ${it} 127.0.0.0/8 ! -i lo -j DROP`,
        )),
    ...["CNI-HOSTPORT-DNAT", "CNI-DN-HASH"].map((chain) => nat(`-N ${chain}`)),
    ...(snat === false || mark !== undefined
      ? []
      : [
          nat("-N CNI-HOSTPORT-SETMARK"),
          nat(`-A CNI-HOSTPORT-SETMARK -j MARK --set-xmark ${bit}/${bit}`),
          nat("-N CNI-HOSTPORT-MASQ"),
          nat(`-A CNI-HOSTPORT-MASQ -m mark --mark ${bit}/${bit} -j MASQUERADE`),
          nat("-I POSTROUTING -j CNI-HOSTPORT-MASQ"),
        ]),
    ...own.flatMap(ofPort),
    ...["PREROUTING", "OUTPUT"].map((chain) =>
      nat(`-A ${chain} -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT`),
    ),
  ];
}
