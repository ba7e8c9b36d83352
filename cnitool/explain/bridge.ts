/** What the bridge plugin makes. */

import type { JsonObject } from "../../libcni/config.ts";
import { formatAddress, offset } from "../../pkg/ip/address.ts";
import { network, parsePrefix } from "../../pkg/ip/prefix.ts";
import { type AddressPlan, objectsOf, type Planned, type PlannedRoute } from "./addresses.ts";
import {
  autoMtu,
  configured,
  deafToRouters,
  type Explanation,
  forwarding,
  inside,
  lengthOf,
  linkLocal,
  macWords,
  masquerade,
  mtuWords,
  nft,
  textOr,
} from "./lines.ts";

export function explainBridge({ config, ifName, plan }: Explanation): string[] {
  const name = textOr(config.bridge, "cni0");
  const planned = withGateways(config, plan);
  const gateways = isGateway(config)
    ? planned.addresses.filter(({ gateway }) => gateway !== undefined)
    : [];
  return [
    ...autoMtu(config),
    ...bridgeLines(config, name),
    ...portLines(config, ifName, name),
    ...gatewayLines(config, name, gateways),
    ...(config.disableContainerInterface === true
      ? []
      : configured(ifName, planned, { examined: config.enabledad === true })),
    ...spoofCheck(config, ifName),
    ...masquerade(config, planned),
  ];
}

function isGateway(config: JsonObject): boolean {
  return config.isGateway === true || config.isDefaultGateway === true;
}

function vlanOf({ vlan }: JsonObject): number {
  return typeof vlan === "number" ? vlan : 0;
}

function bridgeLines(config: JsonObject, name: string): string[] {
  const filtering = vlanOf(config) !== 0 || Array.isArray(config.vlanTrunk);
  const kind = `type bridge${filtering ? " vlan_filtering 1" : ""}`;
  return [
    `ip link add ${name}${mtuWords(config)} ${kind}    # if it is missing`,
    deafToRouters(name),
    `ip link set ${name} up${config.promiscMode === true ? " promisc on" : ""}`,
  ];
}

/** VETH stands for the host's end, whose name is chosen when the container comes. */
function portLines(config: JsonObject, ifName: string, bridge: string): string[] {
  const mtu = mtuWords(config);
  const mac = macWords(config);
  return [
    `ip link add VETH${mtu} type veth peer name ${ifName}${mac}${mtu} netns NETNS`,
    deafToRouters("VETH"),
    `ip link set VETH master ${bridge}`,
    ...(config.hairpinMode === true ? ["bridge link set dev VETH hairpin on"] : []),
    ...(config.portIsolation === true ? ["bridge link set dev VETH isolated on"] : []),
    ...vlanLines(config, "VETH"),
    "ip link set VETH up",
  ];
}

/** The VLAN for what has no tag comes last: in a range of the trunk it would become a tagged one. */
function vlanLines(config: JsonObject, port: string): string[] {
  const trunk = objectsOf(config.vlanTrunk);
  const native = vlanOf(config) || (trunk.length > 0 ? 1 : 0);
  if (native === 0) return [];
  const spans = trunk.flatMap(({ minID, maxID, id }) => [
    ...(minID === undefined ? [] : [`${minID}-${maxID}`]),
    ...(id === undefined ? [] : [`${id}`]),
  ]);
  const isAlone = config.preserveDefaultVlan !== true;
  return [
    ...(isAlone ? [`bridge vlan del dev ${port} vid 1-4094`] : []),
    ...spans.map((span) => `bridge vlan add dev ${port} vid ${span}`),
    `bridge vlan add dev ${port} vid ${native} pvid untagged`,
  ];
}

/** The gateways' addresses go on the bridge, or on an interface of the VLAN. */
function gatewayLines(config: JsonObject, name: string, gateways: readonly Planned[]): string[] {
  if (gateways.length === 0) return [];
  const vlan = vlanOf(config);
  const target = vlan === 0 ? name : `${name}.${vlan}`;
  const { preserveDefaultVlan } = config;
  const first = linkLocal(target, gateways);
  return [
    ...(vlan === 0
      ? first
      : [
          `ip link add VLANPORT type veth peer name ${target}    # if ${target} is missing`,
          ...[target, "VLANPORT"].map(deafToRouters),
          `ip link set VLANPORT master ${name} up`,
          ...vlanLines(
            { vlan, ...(preserveDefaultVlan === true && { preserveDefaultVlan }) },
            "VLANPORT",
          ),
          ...first,
          `ip link set ${target} up`,
        ]),
    ...gateways.map(({ address, gateway, family }) => {
      const noDad = family === 6 ? " nodad" : "";
      return `ip address add ${gateway}/${lengthOf(address)} dev ${target}${noDad}    # if it is missing`;
    }),
    ...forwarding(gateways),
  ];
}

/** The plan as the plugin fills it in: a gateway is the network's first address, a default route is added where there is none. */
export function withGateways(config: JsonObject, { addresses, routes }: AddressPlan): AddressPlan {
  if (!isGateway(config)) return { addresses, routes };
  const completed = addresses.map((planned) => {
    const gateway = planned.gateway ?? firstAddress(planned.subnet);
    return { ...planned, ...(gateway !== undefined && { gateway }) };
  });
  const further = config.isDefaultGateway === true ? defaultRoutes(completed, routes) : [];
  return { addresses: completed, routes: [...routes, ...further] };
}

function firstAddress(subnet: string | undefined): string | undefined {
  const prefix = subnet === undefined ? undefined : parsePrefix(subnet);
  const first = prefix && offset(network(prefix).address, 1n);
  return first && formatAddress(first);
}

function defaultRoutes(
  addresses: readonly Planned[],
  routes: readonly PlannedRoute[],
): PlannedRoute[] {
  const defaults = { 4: "0.0.0.0/0", 6: "::/0" } as const;
  const further: PlannedRoute[] = [];
  for (const { gateway, family } of addresses) {
    const dst = defaults[family];
    if (gateway === undefined || [...routes, ...further].some((it) => it.dst === dst)) continue;
    further.push({ dst, gw: gateway });
  }
  return further;
}

/** The chains of `macspoofchk`; MAC stands for the address of the container's end. */
function spoofCheck(config: JsonObject, ifName: string): string[] {
  if (config.macspoofchk !== true) return [];
  const chain = `cni-br-iface-CONTAINERID-${ifName}`;
  const table = "bridge nat";
  return [
    `# MAC: ${inside(`link show ${ifName}`)}`,
    nft(`add table ${table}`),
    nft(`add chain ${table} PREROUTING { type filter hook prerouting priority -300; }`),
    nft(`add chain ${table} ${chain}`),
    nft(`add chain ${table} ${chain}-mac`),
    nft(`add rule ${table} PREROUTING iifname "VETH" jump ${chain}`),
    nft(`add rule ${table} ${chain} jump ${chain}-mac`),
    nft(`add rule ${table} ${chain}-mac ether saddr MAC return`),
    nft(`add rule ${table} ${chain}-mac drop`),
  ];
}
