/** Connects the container to its host by a pair of links of its own, routed on the host. Also known as ptp. */

import * as v from "valibot";
import { wantedMtu } from "../../pkg/link/master.ts";
import { removeVeth } from "../../pkg/link/remove.ts";
import { ownAddresses } from "../../pkg/link/verify.ts";
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
  onHost,
} from "../../pkg/skel/interface.ts";
import {
  checkMasqueradeConfig,
  collectMasqueradeRules,
  masqueradeAddresses,
  masqueradeEntries,
  masqueradeStatus,
  reloadMasquerade,
  stopMasquerade,
  verifyMasquerade,
} from "../../pkg/skel/masquerade.ts";
import { type ConfigOf, definePlugin } from "../../pkg/skel/plugin.ts";
import { removeAndRelease } from "../../pkg/skel/release.ts";
import { checkHostRoutes, containerRoutes, makeGateway } from "./point-to-point.ts";

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
    const { config } = context;
    checkMasqueradeConfig(config);
    const pair = createPair(context);
    const { ips = [], routes, dns } = addressesFromIpam(context, place);
    makeGateway(context.host, pair.host, ips);
    masqueradeAddresses(context, ips);
    const made = { ...pair.container, mtu: pair.host.mtu };
    const ownRoutes = containerRoutes(made.index, ips);
    const manner = { place, detectDuplicates: config.enabledad, ownRoutes };
    configure(context, made, { ips, routes }, manner);
    return {
      interfaces: [onHost(context, pair.host), described(context, made)],
      ips,
      routes,
      dns: dnsOf(context, dns),
    };
  },

  check(context) {
    const { host, ifName, prevResult = {} } = context;
    const link = checkInterface(context, { kind: "veth" }, "ptp: Required prevResult missing");
    checkHostRoutes(host, link.peerIndex ?? 0, ownAddresses(prevResult, ifName));
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

  reload: reloadMasquerade,
});

function createPair(context: VethContext): Veth {
  const { config, host, container, undo } = context;
  return createVeth(host, container, {
    attachment: context,
    mtu: wantedMtu(config, host),
    rollback: (step) => undo.push(step),
  });
}
