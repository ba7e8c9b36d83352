/** CHECK: the bridge, the pair, the port's settings, the addresses and routes are as ADD left them. */

import type { Result } from "../../pkg/cni/result.ts";
import { formatPrefix, samePrefix } from "../../pkg/ip/prefix.ts";
import {
  containerInterface,
  ownAddresses,
  verifyAddresses,
  verifyLink,
  verifyRoutes,
} from "../../pkg/link/verify.ts";
import { getLink, type Link } from "../../pkg/netlink/rtnetlink/link.ts";
import { LinkFlag } from "../../pkg/netlink/rtnetlink/link-settings.ts";
import type { Context } from "../../pkg/skel/context.ts";
import { verifyMasquerade } from "../../pkg/skel/masquerade.ts";
import { addressesOf } from "./bridge-address.ts";
import { type BridgeConfig, vlanGatewayName } from "./config.ts";
import { bridgeAddresses } from "./gateway.ts";
import { verifySpoofing } from "./spoof-check.ts";
import { verifyVlans } from "./vlans.ts";

/** Throws, naming the first difference. */
export function checkAttachment(context: Context<BridgeConfig>): void {
  const { config, container, host, ifName, prevResult } = context;
  if (prevResult === undefined) throw new Error("Required prevResult missing");
  const bridge = checkBridge(context, prevResult);
  const { mac } = containerInterface(prevResult, ifName);
  const link = verifyLink(container, ifName, { kind: "veth", mac });
  const port = checkPort(context, bridge, link);
  if (!config.disableContainerInterface && !link.up) {
    throw new Error(`interface "${ifName}" is down`);
  }
  const ips = ownAddresses(prevResult, ifName);
  verifyAddresses(container, link, ips);
  verifyRoutes(container, link, prevResult.routes ?? []);
  verifySpoofing(context, { port: port.name, mac: link.mac ?? "" });
  verifyMasquerade(context);
  verifyVlans(host, port, config);
  const addresses = bridgeAddresses(config, ips);
  if (addresses.length === 0) return;
  const gateway = config.vlan === 0 ? bridge : checkVlanGateway(context, prevResult);
  const present = addressesOf(host, gateway);
  const what = config.vlan === 0 ? "bridge" : "interface";
  for (const wanted of addresses) {
    if (present.some((prefix) => samePrefix(prefix, wanted))) continue;
    throw new Error(`${what} "${gateway.name}" has lost its address ${formatPrefix(wanted)}`);
  }
}

/** The interface that has the gateways' addresses of the VLAN must be the one that ADD told of, and pass packets. */
function checkVlanGateway({ config, host }: Context<BridgeConfig>, prevResult: Result): Link {
  const name = vlanGatewayName(config);
  const told = prevResult.interfaces?.find((it) => it.name === name && !it.sandbox);
  const gateway = verifyLink(host, name, { mac: told?.mac || undefined });
  if (!gateway.up) throw new Error(`interface "${name}" is down`);
  return gateway;
}

function checkBridge({ config, host }: Context<BridgeConfig>, prevResult: Result): Link {
  const name = config.bridge;
  const told = prevResult.interfaces?.find((it) => it.name === name && !it.sandbox);
  if (told === undefined) throw new Error(`prevResult has no bridge "${name}"`);
  const bridge = verifyLink(host, name, { kind: "bridge", mac: told.mac });
  // The flag, not the count: a capture on the bridge raises that without anything being wrong.
  const promiscuous = (bridge.flags & LinkFlag.promiscuous) !== 0;
  if (promiscuous !== config.promiscMode) {
    throw new Error(
      `bridge "${name}": promiscMode is ${promiscuous}, configured is ${config.promiscMode}`,
    );
  }
  return bridge;
}

/** The other end of the container's interface must be this bridge's port, and behave as configured. */
function checkPort(
  { config, host, ifName }: Context<BridgeConfig>,
  bridge: Link,
  link: Link,
): Link {
  const [port] = host.send(getLink({ index: link.peerIndex ?? 0 }));
  if (port.kind !== "veth" || port.peerIndex !== link.index || port.master !== bridge.index) {
    throw new Error(`CNI veth created for bridge ${bridge.name} was not found`);
  }
  if (port.portKind !== "bridge") return port;
  const { hairpin = false, isolated = false } = port.portData ?? {};
  const wanted = { hairpinMode: config.hairpinMode, portIsolation: config.portIsolation };
  for (const [key, actual] of [
    ["hairpinMode", hairpin],
    ["portIsolation", isolated],
  ] as const) {
    if (actual === wanted[key]) continue;
    throw new Error(`port of "${ifName}": ${key} is ${actual}, configured is ${wanted[key]}`);
  }
  return port;
}
