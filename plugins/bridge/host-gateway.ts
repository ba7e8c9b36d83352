/** Makes the host the containers' gateway: addresses on the bridge, or on the interface of its VLAN, and forwarding. */

import type { IpConfig } from "../../pkg/cni/result.ts";
import type { Family } from "../../pkg/ip/address.ts";
import type { Prefix } from "../../pkg/ip/prefix.ts";
import { enableForwarding } from "../../pkg/link/forwarding.ts";
import { linkLocalRequests } from "../../pkg/link/link-local.ts";
import { type Link, setLink } from "../../pkg/netlink/rtnetlink/link.ts";
import type { Context } from "../../pkg/skel/context.ts";
import { addressesOf, addressRequests, planAddresses, reversed } from "./bridge-address.ts";
import type { BridgeConfig } from "./config.ts";
import { bridgeAddresses } from "./gateway.ts";
import { bridgeLockMs, portsOf } from "./host-bridge.ts";
import { ensureVlanGateway } from "./vlan-gateway.ts";
import { portsInVlan } from "./vlans.ts";

/** The bridge, and the container's port on it. */
export interface Place {
  readonly bridge: Link;
  readonly port: Pick<Link, "index">;
}

/** Gives the host the gateways' addresses. The value is the interface that has them, if that is not the bridge. */
export function setUpGateway(
  context: Context<BridgeConfig>,
  place: Place,
  ips: readonly IpConfig[],
): Link | undefined {
  const { config, host, undo } = context;
  const wanted = bridgeAddresses(config, ips);
  if (wanted.length === 0) return undefined;
  const { bridge, port } = place;
  const vlanGateway =
    config.vlan === 0 ? undefined : ensureVlanGateway(context, bridge, port, wanted);
  const target = vlanGateway ?? bridge;
  const failure = vlanGateway
    ? "failed to set vlan interface for bridge with addr"
    : "failed to set bridge addr";
  const present = addressesOf(host, target, onlyFamily(wanted));
  const plan = planAddresses({ name: target.name, failure }, present, wanted, config.forceAddress);
  if (plan.add.length > 0) {
    undo.push(() => {
      // Another container may have come to rely on the addresses meanwhile; one that joins the bridge only now waits.
      host.exclusively({ timeoutMs: bridgeLockMs }, () => {
        const own = [port.index, vlanGateway?.peerIndex];
        const others = portsBehind(context, bridge).filter((index) => !own.includes(index));
        if (others.length === 0) host.send(...addressRequests(target, reversed(plan)));
      });
    });
    const { index, mac } = bridge;
    // A gateway keeps its MAC: one that the kernel chose would change with the ports, and the neighbours not know.
    const pin = vlanGateway ? [] : [setLink({ index, mac }, `keep the MAC of ${bridge.name}`)];
    host.send(
      ...linkLocalRequests(target, plan.add, present),
      ...addressRequests(target, plan),
      ...pin,
    );
  }
  enableForwarding(wanted.map(({ address }) => address.family));
  return vlanGateway;
}

/** The family of all the prefixes; undefined where there are both. */
function onlyFamily(prefixes: readonly Prefix[]): Family | undefined {
  const [family, ...others] = prefixes.map(({ address }) => address.family);
  return others.every((other) => other === family) ? family : undefined;
}

/** The ports whose containers may use the gateway. */
function portsBehind({ config, host }: Context<BridgeConfig>, bridge: Link): number[] {
  if (config.vlan !== 0) return portsInVlan(host, bridge, config.vlan);
  return portsOf(host, bridge).map(({ index }) => index);
}
