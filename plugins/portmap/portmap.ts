/** Publishes ports of the container on its host. Runs after the plugin that gave the container its addresses. */

import { toCniError } from "../../pkg/cni/error.ts";
import type { Result } from "../../pkg/cni/result.ts";
import { findNetfilter } from "../../pkg/filter/backend.ts";
import type { NetlinkSocket } from "../../pkg/netlink/socket.ts";
import type { Context } from "../../pkg/skel/context.ts";
import { definePlugin } from "../../pkg/skel/plugin.ts";
import { collect, publish, requireBackend, verify, withdraw } from "./backend.ts";
import { checkConfig, type PortmapConfig, portmapEntries } from "./config.ts";
import { forgetGone, forgetOld } from "./flows.ts";
import { routeLocalhost } from "./localhost.ts";
import {
  checkFamilies,
  type Publication,
  publications,
  type Targets,
  targetsOf,
} from "./mapping.ts";

export const portmap = definePlugin({
  name: "portmap",
  config: portmapEntries,
  releaseConfig: {},

  add(context) {
    const { config, host, prevResult } = context;
    if (prevResult === undefined) throw new Error("must be called as chained plugin");
    const list = publicationsOf(config);
    if (list.length === 0) return prevResult;
    const targets = publishAll(context, list, prevResult);
    if (config.snat && targets[4] !== undefined) routeLocalhost(host, targets[4].address);
    tolerate(context, (socket) => forgetOld(socket, host, list, targets));
    return prevResult;
  },

  check(context) {
    const { config, ifName, prevResult } = context;
    if (prevResult === undefined) throw new Error("Required prevResult missing");
    const list = publicationsOf(config);
    if (list.length > 0) verify(context, [list, targetsOf(prevResult, ifName)]);
  },

  // Needs no port mappings, which a runtime may have forgotten by then: the rules themselves tell what there is.
  del(context) {
    const forwards = withdraw(context);
    tolerate(context, (socket) => forgetGone(socket, forwards));
  },

  gc(context) {
    const forwards = collect(context);
    tolerate(context, (socket) => forgetGone(socket, forwards));
  },

  status(context) {
    checkConfig(context.config);
    requireBackend(context);
  },

  reload(context) {
    const { config, prevResult } = context;
    const list = publicationsOf(config);
    if (prevResult !== undefined && list.length > 0) publishAll(context, list, prevResult);
  },
});

/** Publishes the ports; tells where they lead. */
function publishAll(
  context: Context<PortmapConfig>,
  list: readonly Publication[],
  result: Result,
): Targets {
  const targets = targetsOf(result, context.ifName);
  checkFamilies(list, targets);
  publish(context, [list, targets]);
  return targets;
}

/** What the runtime wants published; throws code 7 where that cannot be done. */
function publicationsOf(config: PortmapConfig): Publication[] {
  checkConfig(config);
  return publications(config.runtimeConfig?.portMappings ?? []);
}

/** Entries of connections that stay are a nuisance to some clients, and no reason to fail the container. */
function tolerate({ host, log }: Context<unknown>, step: (socket: NetlinkSocket) => void): void {
  try {
    const socket = findNetfilter(host);
    if (socket !== undefined) step(socket);
  } catch (error) {
    log(`cannot forget old connections: ${toCniError(error).message}`);
  }
}
