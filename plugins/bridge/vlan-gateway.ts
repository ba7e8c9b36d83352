/**
 * The gateway's interface of one VLAN, `<bridge>.<vlan>`: an end of a pair that stays on the host, the other end
 * being a port in that VLAN. Made when the first container needs it, and shared.
 */

import { toCniError } from "../../pkg/cni/error.ts";
import type { Prefix } from "../../pkg/ip/prefix.ts";
import { hash32 } from "../../pkg/link/attachment.ts";
import { findLink, removeLink } from "../../pkg/link/find.ts";
import { linkLocalRequests } from "../../pkg/link/link-local.ts";
import { randomMac } from "../../pkg/link/mac.ts";
import { isNetlinkError } from "../../pkg/netlink/error.ts";
import { getLink, type Link, newLink, setLink } from "../../pkg/netlink/rtnetlink/link.ts";
import type { Context } from "../../pkg/skel/context.ts";
import { Errno } from "../../pkg/sys/errno.ts";
import { tryWriteSysctl } from "../../pkg/sysctl/sysctl.ts";
import { type BridgeConfig, vlanGatewayName } from "./config.ts";
import { bridgeLockMs } from "./host-bridge.ts";
import { joinVlans, portsInVlan } from "./vlans.ts";

/** Finds the interface of these addresses or makes it. `own` is the container's port, which is in the VLAN already. */
export function ensureVlanGateway(
  context: Context<BridgeConfig>,
  bridge: Link,
  own: Pick<Link, "index">,
  addresses: readonly Prefix[],
): Link {
  const { config, host, cancelFd } = context;
  const name = vlanGatewayName(config);
  return host.shared({ timeoutMs: bridgeLockMs, cancelFd }, () => {
    const gateway = findLink(host, { name }) ?? create(context, bridge, own);
    complete(context, bridge, gateway, addresses);
    return gateway;
  });
}

function create(
  { config, host, undo }: Context<BridgeConfig>,
  bridge: Link,
  own: Pick<Link, "index">,
): Link {
  const name = vlanGatewayName(config);
  const mac = randomMac();
  const { mtu, index: master } = bridge;
  undo.push(() => {
    host.exclusively({ timeoutMs: bridgeLockMs }, () => {
      const made = findLink(host, { name });
      if (made?.mac !== mac) return;
      const ports = [own.index, made.peerIndex];
      const others = portsInVlan(host, bridge, config.vlan).filter((it) => !ports.includes(it));
      if (others.length === 0) removeLink(host, { index: made.index });
    });
  });
  const port = `veth${hash32(mac, 0)}`;
  const data = { peer: { name, mac, mtu } };
  try {
    const [, made] = host.send(
      newLink({ kind: "veth", name: port, mac: randomMac(), mtu, master, up: true, data }),
      getLink({ name }),
    );
    return made;
  } catch (error) {
    // Another ADD may have been faster.
    const found = isNetlinkError(error, Errno.EEXIST) ? findLink(host, { name }) : undefined;
    if (found !== undefined) return found;
    throw new Error(`failed to create vlan interface: ${toCniError(error).message}`);
  }
}

/**
 * Puts the pair's other end into the VLAN. The alias comes last and tells that it was done: whoever finds the pair
 * without it goes on where another ADD was ended. One that the administrator made in another way stays as it is.
 */
function complete(
  { host, config }: Context<BridgeConfig>,
  bridge: Link,
  gateway: Link,
  addresses: readonly Prefix[],
): void {
  const { index, name, up, peerIndex = 0 } = gateway;
  const alias = `gateway of VLAN ${config.vlan} on ${bridge.name}`;
  if (gateway.alias === alias && up) return;
  const port = gateway.kind === "veth" ? findLink(host, { index: peerIndex }) : undefined;
  if (port?.peerIndex !== index || port.master !== bridge.index) {
    if (!up) host.send(setLink({ index, up: true }));
    return;
  }
  // A container must not be able to reconfigure the host by router advertisements (CVE-2020-10749).
  for (const link of [name, port.name]) tryWriteSysctl(`net/ipv6/conf/${link}/accept_ra`, "0");
  joinVlans(host, port, [{ from: config.vlan, pvid: true, untagged: true }], config);
  // There is a carrier as soon as it is up: with the other addresses this one would come too late.
  host.send(...linkLocalRequests(gateway, addresses), setLink({ index, up: true, alias }));
}
