/** Connects the container to a bridge on the host, which may be its gateway. */

import type { Result } from "../../pkg/cni/result.ts";
import { aliasOf } from "../../pkg/link/attachment.ts";
import { configureInterface } from "../../pkg/link/configure.ts";
import { wantedMtu } from "../../pkg/link/master.ts";
import { markLink, removeVeth } from "../../pkg/link/remove.ts";
import { requestedMac } from "../../pkg/link/requested-mac.ts";
import { createVeth, type Veth } from "../../pkg/link/veth.ts";
import { waitUntilUp } from "../../pkg/link/wait.ts";
import type { BridgePort } from "../../pkg/netlink/rtnetlink/bridge.ts";
import { getLink, type Link } from "../../pkg/netlink/rtnetlink/link.ts";
import type { Context } from "../../pkg/skel/context.ts";
import {
  addressesFromIpam,
  collectInterfaces,
  described,
  dnsOf,
  onHost,
} from "../../pkg/skel/interface.ts";
import {
  collectMasqueradeRules,
  masqueradeAddresses,
  masqueradeStatus,
  reloadMasquerade,
  stopMasquerade,
} from "../../pkg/skel/masquerade.ts";
import { definePlugin } from "../../pkg/skel/plugin.ts";
import { removeAndRelease } from "../../pkg/skel/release.ts";
import { checkAttachment } from "./check.ts";
import { type BridgeConfig, bridgeEntries, checkConfig } from "./config.ts";
import { withGateways } from "./gateway.ts";
import { bridgeLockMs, ensureBridge, requireBridge } from "./host-bridge.ts";
import { setUpGateway } from "./host-gateway.ts";
import {
  collectSpoofing,
  preventSpoofing,
  reloadSpoofCheck,
  stopSpoofCheck,
} from "./spoof-check.ts";
import { joinVlans, portVlans, wantsFiltering } from "./vlans.ts";

/** Where the container's end stands in the result's interfaces. */
const containerPlace = 2;

export const bridge = definePlugin({
  name: "bridge",
  config: bridgeEntries,
  cniArgs: ["MAC"],

  add(context) {
    const { config, host } = context;
    checkConfig(config);
    const { bridgeLink, veth } = connect(context);
    preventSpoofing(context, { port: veth.host.name, mac: veth.container.mac });
    const answer = addressesFromIpam(context, containerPlace);
    const { ips, routes } = withGateways(config, answer);
    const place = { bridge: bridgeLink, port: veth.host };
    const vlanGateway = setUpGateway(context, place, ips);
    masqueradeAddresses(context, ips);
    setUpContainer(context, veth, { ips, routes });
    const [bridgeNow, portNow] = host.send(
      getLink({ index: bridgeLink.index }),
      getLink({ index: veth.host.index }),
    );
    if (!config.disableContainerInterface) waitUntilUp(host, portNow, context.cancelFd);
    return {
      interfaces: [
        onHost(context, bridgeNow),
        onHost(context, veth.host),
        described(context, { mac: veth.container.mac, mtu: veth.host.mtu }),
        ...(vlanGateway ? [onHost(context, vlanGateway)] : []),
      ],
      ips,
      routes,
      dns: dnsOf(context, answer.dns),
    };
  },

  check(context) {
    checkConfig(context.config);
    context.ipam.check();
    checkAttachment(context);
  },

  del(context) {
    const { host, findContainer, attempt } = context;
    // The namespace is opened only if the pair is not found on the host.
    const where = {
      host,
      get container() {
        return findContainer();
      },
    };
    removeAndRelease(context, () => {
      attempt(() => removeVeth(where, context));
      stopSpoofCheck(context);
      stopMasquerade(context);
    });
  },

  gc(context) {
    collectSpoofing(context);
    collectMasqueradeRules(context);
    collectInterfaces(context, "veth");
  },

  status(context) {
    checkConfig(context.config);
    requireBridge(context.host, context.config.bridge);
    masqueradeStatus(context);
    context.ipam.status();
  },

  reload(context) {
    reloadSpoofCheck(context);
    reloadMasquerade(context);
  },
});

/** The bridge with the pair attached to it: under the lock, which ADDs share, so that no failing ADD takes the bridge away between. */
function connect(context: Context<BridgeConfig>): { bridgeLink: Link; veth: Veth } {
  const { config, host, container, undo, cancelFd, cniArgs, log } = context;
  const { bridge: name, promiscMode: promiscuous } = config;
  const rollback = (step: () => void) => undo.push(step);
  const mtu = wantedMtu(config, host);
  const mac = requestedMac(config.runtimeConfig?.mac, config.args?.cni?.mac, cniArgs.MAC);
  const vlanFiltering = wantsFiltering(config);
  const wanted = { name, mtu, promiscuous, vlanFiltering };
  return host.shared({ timeoutMs: bridgeLockMs, cancelFd }, () => {
    const bridgeLink = ensureBridge(host, wanted, rollback);
    if (vlanFiltering && !(bridgeLink.kind === "bridge" && bridgeLink.data?.vlanFiltering)) {
      log(`bridge "${name}" does not filter VLANs: it does not keep them apart`);
    }
    const veth = createVeth(host, container, {
      attachment: context,
      mtu,
      mac,
      master: bridgeLink.index,
      port: portSettings(config),
      rollback,
    });
    joinVlans(host, veth.host, portVlans(config), config);
    return { bridgeLink, veth };
  });
}

/** What the pair's port is to have; nothing where that is what a new port has anyway. */
function portSettings(config: BridgeConfig): BridgePort | undefined {
  const { hairpinMode: hairpin, portIsolation: isolated } = config;
  return hairpin || isolated ? { hairpin, isolated } : undefined;
}

function setUpContainer(
  context: Context<BridgeConfig>,
  { container: { index } }: Veth,
  result: Pick<Result, "ips" | "routes">,
): void {
  const { config, container, ifName: name, cancelFd } = context;
  if (config.disableContainerInterface) {
    container.send(markLink(index, context));
    return;
  }
  const detectDuplicates = config.enabledad;
  const alias = aliasOf(context);
  const setup = { name, index, place: containerPlace, detectDuplicates, alias, cancelFd };
  configureInterface(container, setup, result);
}
