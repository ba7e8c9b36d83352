/** What each plugin does, as the lines of ip, bridge, nft and sysctl that come to the same. */

import type { JsonObject } from "../libcni/config.ts";
import {
  type AddressPlan,
  familyOf,
  objectOf,
  type Planned,
  type PlannedRoute,
} from "./explain-ipam.ts";

/** One plugin of a network, and what the plugins before it plan. */
export interface Explanation {
  readonly config: JsonObject;
  readonly ifName: string;
  readonly plan: AddressPlan;
}

/** The plugins that can be explained, by type. */
export const explainers: Readonly<Record<string, (it: Explanation) => string[]>> = {
  bridge: explainBridge,
  ptp: explainPair,
  veth: explainPair,
  macvlan: explainMacvlan,
  ipvlan: explainIpvlan,
  vlan: explainVlan,
  dummy: ({ config, ifName, plan }) => [
    inside(`link add ${ifName} type dummy`),
    ...mtuOf(config, ifName),
    ...up(ifName),
    ...addressing(ifName, plan, plan.routes),
  ],
  loopback: () => [inside("link set lo up")],
  tuning: explainTuning,
};

function explainBridge({ config, ifName, plan }: Explanation): string[] {
  const name = textOr(config.bridge, "cni0");
  const isGateway = config.isGateway === true || config.isDefaultGateway === true;
  const vlan = typeof config.vlan === "number" && config.vlan !== 0 ? config.vlan : undefined;
  const filtering = vlan === undefined ? "" : " vlan_filtering 1";
  const gateways = isGateway ? plan.addresses.filter(({ gateway }) => gateway !== undefined) : [];
  const routes = config.isDefaultGateway === true ? withDefaults(plan) : plan.routes;
  return [
    `ip link add ${name} type bridge${filtering}    # if it is missing`,
    `ip link set ${name} up${config.promiscMode === true ? " promisc on" : ""}`,
    ...pair(config, ifName),
    `ip link set VETH master ${name}`,
    ...(config.hairpinMode === true ? ["bridge link set dev VETH hairpin on"] : []),
    ...(config.portIsolation === true ? ["bridge link set dev VETH isolated on"] : []),
    ...(vlan === undefined ? [] : [`bridge vlan add dev VETH vid ${vlan} pvid untagged`]),
    ...(config.disableContainerInterface === true ? [] : up(ifName)),
    ...addressing(ifName, plan, routes),
    ...gateways.map(
      ({ address, gateway }) =>
        `ip address add ${gateway}/${lengthOf(address)} dev ${name}    # if it is missing`,
    ),
    ...forwarding(gateways),
    ...masquerade(config, plan),
  ];
}

function explainPair({ config, ifName, plan }: Explanation): string[] {
  const routed = plan.addresses.filter(({ gateway }) => gateway !== undefined);
  return [
    ...pair(config, ifName),
    ...up(ifName),
    ...plan.addresses.map(({ address }) =>
      inside(`address add ${address} dev ${ifName} noprefixroute`),
    ),
    ...routed.flatMap(({ gateway, subnet, family }) => [
      inside(`route add ${gateway}/${family === 4 ? 32 : 128} dev ${ifName} scope link`),
      inside(`route add ${subnet} via ${gateway} dev ${ifName}`),
    ]),
    ...routesOf(ifName, plan, plan.routes),
    ...routed.flatMap(({ address, gateway, family }) => [
      `ip address add ${gateway}/${family === 4 ? 32 : 128} dev VETH`,
      `ip route add ${address.replace(/\/.*/, "")}/${family === 4 ? 32 : 128} dev VETH scope host`,
    ]),
    ...forwarding(plan.addresses),
    ...masquerade(config, plan),
  ];
}

function explainMacvlan({ config, ifName, plan }: Explanation): string[] {
  const master = textOr(config.master, "THE-DEFAULT-ROUTE'S");
  const mode = textOr(config.mode, "bridge");
  return onMaster(config, ifName, plan, `link ${master} type macvlan mode ${mode}`);
}

function explainIpvlan({ config, ifName, plan }: Explanation): string[] {
  const master = textOr(config.master, "THE-DEFAULT-ROUTE'S");
  const mode = textOr(config.mode, "l2");
  return onMaster(config, ifName, plan, `link ${master} type ipvlan mode ${mode}`);
}

function explainVlan({ config, ifName, plan }: Explanation): string[] {
  const master = textOr(config.master, "MASTER");
  return onMaster(config, ifName, plan, `link ${master} type vlan id ${config.vlanId ?? "ID"}`);
}

function onMaster(config: JsonObject, ifName: string, plan: AddressPlan, kind: string): string[] {
  const added =
    config.linkInContainer === true
      ? inside(`link add ${ifName} ${kind}`)
      : `ip link add ${ifName} ${kind} netns NETNS`;
  const lines = [added, ...mtuOf(config, ifName), ...up(ifName)];
  return [...lines, ...addressing(ifName, plan, plan.routes)];
}

function explainTuning({ config, ifName }: Explanation): string[] {
  const settings = Object.entries(objectOf(config.sysctl)).map(
    ([key, value]) => `ip netns exec NETNS sysctl -w ${key}=${String(value)}`,
  );
  return [
    ...settings,
    ...(typeof config.mac === "string" ? [inside(`link set ${ifName} address ${config.mac}`)] : []),
    ...mtuOf(config, ifName),
    ...(config.promisc === true ? [inside(`link set ${ifName} promisc on`)] : []),
    ...(config.allmulti === true ? [inside(`link set ${ifName} allmulticast on`)] : []),
    ...(typeof config.txQLen === "number"
      ? [inside(`link set ${ifName} txqueuelen ${config.txQLen}`)]
      : []),
  ];
}

/** VETH stands for the host's end, whose name is chosen when the container comes. */
function pair(config: JsonObject, ifName: string): string[] {
  const mtu = typeof config.mtu === "number" && config.mtu > 0 ? ` mtu ${config.mtu}` : "";
  return [
    `ip link add VETH${mtu} type veth peer name ${ifName}${mtu} netns NETNS`,
    "ip link set VETH up",
  ];
}

function mtuOf({ mtu }: JsonObject, ifName: string): string[] {
  return typeof mtu === "number" && mtu > 0 ? [inside(`link set ${ifName} mtu ${mtu}`)] : [];
}

function up(ifName: string): string[] {
  return [inside(`link set ${ifName} up`)];
}

function addressing(ifName: string, plan: AddressPlan, routes: readonly PlannedRoute[]): string[] {
  return [
    ...plan.addresses.map(({ address }) => inside(`address add ${address} dev ${ifName}`)),
    ...routesOf(ifName, plan, routes),
  ];
}

/** A route without a next hop goes by the gateway of its family. */
function routesOf(ifName: string, plan: AddressPlan, routes: readonly PlannedRoute[]): string[] {
  return routes.map(({ dst, gw }) => {
    const family = familyOf(dst);
    const by = gw ?? plan.addresses.find((it) => it.family === family)?.gateway;
    return inside(`route add ${dst}${by === undefined ? "" : ` via ${by}`} dev ${ifName}`);
  });
}

function withDefaults({ addresses, routes }: AddressPlan): PlannedRoute[] {
  const defaults = { 4: "0.0.0.0/0", 6: "::/0" } as const;
  const further = addresses
    .filter(
      ({ gateway, family }) =>
        gateway !== undefined && !routes.some(({ dst }) => dst === defaults[family]),
    )
    .map(({ gateway = "", family }) => ({ dst: defaults[family], gw: gateway }));
  return [...routes, ...further];
}

function forwarding(addresses: readonly Planned[]): string[] {
  const families = new Set(addresses.map(({ family }) => family));
  return [
    ...(families.has(4) ? ["sysctl -w net.ipv4.ip_forward=1"] : []),
    ...(families.has(6) ? ["sysctl -w net.ipv6.conf.all.forwarding=1"] : []),
  ];
}

/** The effect as a rule of nft; how the rules are laid out in tables and chains is the backend's affair. */
function masquerade(config: JsonObject, { addresses }: AddressPlan): string[] {
  if (config.ipMasq !== true) return [];
  return addresses.map(({ family, address, subnet }) => {
    const ip = family === 4 ? "ip" : "ip6";
    const multicast = family === 4 ? "224.0.0.0/4" : "ff00::/8";
    const own = address.replace(/\/.*/, "");
    return `nft add rule inet TABLE postrouting ${ip} saddr ${own} ${ip} daddr != { ${subnet}, ${multicast} } masquerade`;
  });
}

function inside(command: string): string {
  return `ip -n NETNS ${command}`;
}

function lengthOf(address: string): string {
  return address.slice(address.indexOf("/") + 1);
}

function textOr(value: unknown, fallback: string): string {
  return typeof value === "string" && value !== "" ? value : fallback;
}
