/** What the veth plugin, also known as ptp, makes. */

import type { Planned } from "./addresses.ts";
import {
  asHost,
  autoMtu,
  configured,
  deafToRouters,
  type Explanation,
  forwarding,
  inside,
  linkLocal,
  masquerade,
  mtuWords,
  withoutLength,
} from "./lines.ts";

export function explainPair({ config, ifName, plan }: Explanation): string[] {
  const mtu = mtuWords(config);
  const routed = plan.addresses.filter((it) => it.gateway !== undefined);
  return [
    ...autoMtu(config),
    `ip link add VETH${mtu} type veth peer name ${ifName}${mtu} netns NETNS`,
    deafToRouters("VETH"),
    "ip link set VETH up",
    ...linkLocal("VETH", routed),
    ...routed.flatMap(hostLines),
    ...forwarding(plan.addresses),
    ...configured(
      ifName,
      plan,
      { examined: config.enabledad === true, noPrefix: true },
      routed.flatMap((address) => containerRoutes(ifName, address)),
    ),
    ...masquerade(config, plan),
  ];
}

/** To the gateway directly, and to everybody else of the network through it. */
function containerRoutes(
  ifName: string,
  { address, gateway = "", subnet, family }: Planned,
): string[] {
  const source = `src ${withoutLength(address)}`;
  const scope = family === 4 ? " scope link" : "";
  return [
    inside(`route add ${asHost(gateway, family)} dev ${ifName}${scope} ${source}`),
    inside(`route add ${subnet} via ${gateway} dev ${ifName} ${source}`),
  ];
}

function hostLines({ address, gateway = "", family }: Planned): string[] {
  const scope = family === 4 ? " scope host" : "";
  return [
    `ip address add ${asHost(gateway, family)} dev VETH${family === 6 ? " nodad" : ""}`,
    `ip route add ${asHost(address, family)} dev VETH${scope}`,
  ];
}
