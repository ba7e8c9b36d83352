/** Connects the container to a bridge on the host, which may be its gateway. */

import type { Dns, IpConfig, Result } from "../../pkg/cni/result.ts";
import { aliasOf, aliasPrefix } from "../../pkg/link/attachment.ts";
import { configureInterface } from "../../pkg/link/configure.ts";
import { findHostLink, removeLink } from "../../pkg/link/find.ts";
import { enableForwarding } from "../../pkg/link/forwarding.ts";
import { createVeth, type Veth } from "../../pkg/link/veth.ts";
import { waitUntilUp } from "../../pkg/link/wait.ts";
import { dumpLinks, getLink, type Link, setLink } from "../../pkg/netlink/rtnetlink/link.ts";
import type { Namespace } from "../../pkg/ns/namespace.ts";
import type { Context } from "../../pkg/skel/context.ts";
import {
  collectMasqueradeRules,
  masqueradeAddresses,
  masqueradeStatus,
  stopMasquerade,
} from "../../pkg/skel/masquerade.ts";
import { definePlugin } from "../../pkg/skel/plugin.ts";
import { addressesOf, addressRequests, planAddresses, reversed } from "./bridge-address.ts";
import { checkAttachment } from "./check.ts";
import { type BridgeConfig, bridgeEntries, checkConfig, wantedMac } from "./config.ts";
import { bridgeAddresses, withGateways } from "./gateway.ts";
import { bridgeLockMs, ensureBridge, portsOf } from "./host-bridge.ts";
import { collectSpoofing, preventSpoofing, stopSpoofCheck } from "./spoof-check.ts";

/** Where the container's end stands in the result's interfaces. */
const containerPlace = 2;

export const bridge = definePlugin({
  name: "bridge",
  config: bridgeEntries,
  cniArgs: ["MAC"],

  add(context) {
    const { config, container, host, ipam, undo } = context;
    checkConfig(config);
    const { bridgeLink, veth } = connect(context);
    preventSpoofing(context, { port: veth.host.name, mac: veth.container.mac });
    const answer = ipam.add((step) => undo.push(step));
    if (ipam.configured && (answer.ips ?? []).length === 0) {
      throw new Error("IPAM plugin returned missing IP config");
    }
    const { ips, routes } = withGateways(config, answer);
    setUpHost(context, bridgeLink, veth, ips);
    masqueradeAddresses(context, ips);
    const placed = ips.map((ip) => ({ ...ip, interface: containerPlace }));
    setUpContainer(context, veth, { ips: placed, routes });
    const [bridgeNow, portNow] = host.send(
      getLink({ index: bridgeLink.index }),
      getLink({ index: veth.host.index }),
    );
    if (!config.disableContainerInterface) waitUntilUp(host, portNow);
    return {
      interfaces: [
        { name: bridgeNow.name, mac: bridgeNow.mac },
        { name: veth.host.name, mac: veth.host.mac },
        { name: context.ifName, mac: veth.container.mac, sandbox: container.path },
      ],
      ips: placed,
      routes,
      dns: isSet(config.dns) ? config.dns : answer.dns,
    };
  },

  check(context) {
    checkConfig(context.config);
    context.ipam.check();
    checkAttachment(context);
  },

  del(context) {
    const { host, findContainer, network, containerId, ifName, ipam, attempt } = context;
    attempt(() => {
      const link = findHostLink(host, { network, containerId, ifName });
      // One that another suite made is known by its name in the container only.
      if (link !== undefined) removeLink(host, { index: link.index });
      else removeFromContainer(findContainer(), ifName);
    });
    stopSpoofCheck(context);
    stopMasquerade(context);
    attempt(() => ipam.del());
  },

  gc(context) {
    const { host, network, validAttachments, ipam, attempt, log } = context;
    const valid = validAttachments.map(({ containerID, ifname }) =>
      aliasOf({ network, containerId: containerID, ifName: ifname }),
    );
    for (const { alias = "", index, name } of host.socket.dump(dumpLinks({ kind: "veth" }))) {
      if (!alias.startsWith(aliasPrefix(network)) || valid.includes(alias)) continue;
      attempt(() => removeLink(host, { index }));
      log(`removed ${name} of the attachment ${alias}, which is no longer valid`);
    }
    collectSpoofing(context);
    collectMasqueradeRules(context);
    attempt(() => ipam.gc());
  },

  status(context) {
    masqueradeStatus(context);
    context.ipam.status();
  },
});

/** The bridge with the pair attached to it: under the lock, which ADDs share, so that no failing ADD takes the bridge away between. */
function connect(context: Context<BridgeConfig>): { bridgeLink: Link; veth: Veth } {
  const { config, host, container, undo, cancelFd, cniArgs } = context;
  const rollback = (step: () => void) => undo.push(step);
  return host.shared({ timeoutMs: bridgeLockMs, cancelFd }, () => {
    const bridgeLink = ensureBridge(host, config, rollback);
    const veth = createVeth(host, container, {
      attachment: context,
      mtu: config.mtu || undefined,
      mac: wantedMac(config, cniArgs),
      master: bridgeLink.index,
      port: { hairpin: config.hairpinMode, isolated: config.portIsolation },
      rollback,
    });
    return { bridgeLink, veth };
  });
}

/** Makes the bridge the gateway. */
function setUpHost(
  { config, host, undo }: Context<BridgeConfig>,
  bridgeLink: Link,
  veth: Veth,
  ips: readonly IpConfig[],
): void {
  const wanted = bridgeAddresses(config, ips);
  const present = wanted.length > 0 ? addressesOf(host, bridgeLink) : [];
  const plan = planAddresses(bridgeLink.name, present, wanted, config.forceAddress);
  undo.push(() => {
    // Another container may have come to rely on the addresses meanwhile.
    const others = portsOf(host, bridgeLink).filter(({ index }) => index !== veth.host.index);
    if (others.length === 0) host.send(...addressRequests(bridgeLink, reversed(plan)));
  });
  const { index, mac } = bridgeLink;
  // A gateway keeps its MAC: one that the kernel chose would change with the ports, and the neighbours not know.
  const pin =
    plan.add.length > 0 ? [setLink({ index, mac }, `keep the MAC of ${bridgeLink.name}`)] : [];
  host.send(...addressRequests(bridgeLink, plan), ...pin);
  enableForwarding(wanted.map(({ address }) => address.family));
}

function setUpContainer(
  { config, container, ifName }: Context<BridgeConfig>,
  { container: { index } }: Veth,
  result: Pick<Result, "ips" | "routes">,
): void {
  if (config.disableContainerInterface) return;
  const detectDuplicates = config.enabledad;
  const place = containerPlace;
  configureInterface(container, { name: ifName, index, place, detectDuplicates }, result);
}

function removeFromContainer(container: Namespace | undefined, ifName: string): void {
  if (container !== undefined) removeLink(container, { name: ifName });
}

/** Whether a configuration says anything about DNS; an empty object does not. */
function isSet(dns: Dns | undefined): boolean {
  return dns !== undefined && Object.values(dns).some((value) => value.length > 0);
}
