/** Publishes ports of the container on its host. Runs after the plugin that gave the container its addresses. */

import { CniError, ErrorCode, toCniError } from "../../pkg/cni/error.ts";
import { findFilter, openFilter } from "../../pkg/filter/backend.ts";
import { ownersOf } from "../../pkg/filter/owner.ts";
import type { NetlinkSocket } from "../../pkg/netlink/socket.ts";
import type { Context } from "../../pkg/skel/context.ts";
import { definePlugin } from "../../pkg/skel/plugin.ts";
import { parseConditions } from "./conditions.ts";
import { checkConfig, type PortmapConfig, portmapEntries } from "./config.ts";
import { forgetGone, forgetOld } from "./flows.ts";
import { routeLocalhost } from "./localhost.ts";
import { checkFamilies, type Publication, publications, targetsOf } from "./mapping.ts";
import { collect, publish, retract, unpublish, verify } from "./nftables.ts";
import type { Forward } from "./port-map.ts";

export const portmap = definePlugin({
  name: "portmap",
  config: portmapEntries,

  add(context) {
    const { config, host, ifName, prevResult, undo, log } = context;
    if (prevResult === undefined) throw new Error("must be called as chained plugin");
    const list = publicationsOf(config);
    if (list.length === 0) return prevResult;
    const targets = targetsOf(prevResult, ifName);
    checkFamilies(list, targets);
    const socket = openFilter(host, purpose);
    undo.push(() => retract(socket, context));
    publish(socket, context, config, [list, targets]);
    if (config.snat && targets[4] !== undefined) routeLocalhost(host, targets[4].address);
    tolerate(log, () => forgetOld(socket, host, list, targets));
    return prevResult;
  },

  check(context) {
    const { config, host, ifName, prevResult } = context;
    if (prevResult === undefined) throw new Error("Required prevResult missing");
    const list = publicationsOf(config);
    if (list.length === 0) return;
    const targets = targetsOf(prevResult, ifName);
    verify(openFilter(host, purpose), context, config, [list, targets]);
  },

  del(context) {
    context.attempt(() => removeAnd(context, (socket) => unpublish(socket, context)));
  },

  gc(context) {
    const { network, validAttachments, attempt } = context;
    const valid = ownersOf(network, validAttachments);
    attempt(() => removeAnd(context, (socket) => collect(socket, network, valid)));
  },

  status({ config, host }) {
    checkConfig(config);
    if (findFilter(host) !== undefined) return;
    throw new CniError(ErrorCode.notAvailable, `${purpose}: this kernel has no nf_tables`);
  },
});

const purpose = "cannot publish ports";

/** What the runtime wants published; throws code 2 or 7 where that cannot be done. */
function publicationsOf(config: PortmapConfig): Publication[] {
  checkConfig(config);
  for (const family of [4, 6] as const) parseConditions(family, config[`conditionsV${family}`]);
  return publications(config.runtimeConfig?.portMappings ?? []);
}

/** Needs no port mappings, which a runtime may have forgotten by then: the rules themselves tell what there is. */
function removeAnd(
  { host, log }: Context<PortmapConfig>,
  remove: (socket: NetlinkSocket) => Forward[],
): void {
  const socket = findFilter(host);
  if (socket === undefined) return;
  const forwards = remove(socket);
  tolerate(log, () => forgetGone(socket, forwards));
}

/** Entries of connections that stay are a nuisance to some clients, and no reason to fail the container. */
function tolerate(log: Context<PortmapConfig>["log"], step: () => void): void {
  try {
    step();
  } catch (error) {
    log(`cannot forget old connections: ${toCniError(error).message}`);
  }
}
