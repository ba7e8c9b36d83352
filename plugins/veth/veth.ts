/** Connects the container to its host by a pair of links of its own, routed on the host. Also known as ptp. */

import * as v from "valibot";
import { toPrefix } from "../../pkg/cni/addresses.ts";
import type { IpConfig } from "../../pkg/cni/result.ts";
import { enableForwarding } from "../../pkg/link/forwarding.ts";
import { wantedMtu } from "../../pkg/link/master.ts";
import { removeVeth } from "../../pkg/link/remove.ts";
import { createVeth, type Veth } from "../../pkg/link/veth.ts";
import type { Context } from "../../pkg/skel/context.ts";
import { mtuEntries } from "../../pkg/skel/field.ts";
import {
  addressesFromIpam,
  checkInterface,
  collectInterfaces,
  configure,
  described,
  dnsOf,
  mtuFor,
} from "../../pkg/skel/interface.ts";
import {
  checkMasqueradeConfig,
  collectMasqueradeRules,
  masqueradeAddresses,
  masqueradeEntries,
  masqueradeStatus,
  stopMasquerade,
  verifyMasquerade,
} from "../../pkg/skel/masquerade.ts";
import { type ConfigOf, definePlugin } from "../../pkg/skel/plugin.ts";
import { removeAndRelease } from "../../pkg/skel/release.ts";
import { checkHostRoutes, containerRoutes, hostRequests } from "./point-to-point.ts";

const entries = {
  ...mtuEntries,
  enabledad: v.optional(v.boolean(), false),
  ...masqueradeEntries,
};

type VethContext = Context<ConfigOf<typeof entries>>;

/** Where the container's end stands in the result's interfaces. */
const place = 1;

export const veth = definePlugin({
  name: "veth",
  config: entries,

  add(context) {
    const { config, cniVersion } = context;
    checkMasqueradeConfig(config);
    const pair = createPair(context);
    const { ips = [], routes, dns } = addressesFromIpam(context, place);
    setUpHost(context, pair, ips);
    masqueradeAddresses(context, ips);
    const { index, mac } = pair.container;
    const made = { index, mac, mtu: pair.host.mtu };
    const ownRoutes = containerRoutes(index, ips);
    const manner = { place, detectDuplicates: config.enabledad, ownRoutes };
    configure(context, made, { ips, routes }, manner);
    const hostEnd = { name: pair.host.name, mac: pair.host.mac, mtu: mtuFor(cniVersion, made.mtu) };
    return {
      interfaces: [hostEnd, described(context, made)],
      ips,
      routes,
      dns: dnsOf(context, dns),
    };
  },

  check(context) {
    const link = checkInterface(context, { kind: "veth" }, "ptp: Required prevResult missing");
    checkHostRoutes(context.host, link.peerIndex ?? 0, context.prevResult?.ips ?? []);
    verifyMasquerade(context);
  },

  del(context) {
    const { host, attempt } = context;
    removeAndRelease(context, () => {
      attempt(() => removeVeth({ host, container: context.findContainer() }, context));
      stopMasquerade(context);
    });
  },

  gc(context) {
    collectMasqueradeRules(context);
    collectInterfaces(context, "veth");
  },

  status(context) {
    masqueradeStatus(context);
    context.ipam.status();
  },
});

function createPair(context: VethContext): Veth {
  const { config, host, container, undo } = context;
  return createVeth(host, container, {
    attachment: context,
    mtu: wantedMtu(config, host),
    rollback: (step) => undo.push(step),
  });
}

/** Makes the host the container's gateway. Addresses and routes go with the pair. */
function setUpHost(context: VethContext, { host: end }: Veth, ips: readonly IpConfig[]): void {
  context.host.send(...hostRequests(end, ips));
  const families = ips.map(({ address }) => toPrefix(address).address.family);
  enableForwarding(families, "Could not enable IP forwarding");
}
