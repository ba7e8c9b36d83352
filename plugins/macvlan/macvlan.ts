/** Gives the container an interface on a host interface's wire, with a MAC address of its own. */

import * as v from "valibot";
import { goQuote } from "../../pkg/cni/quote.ts";
import { createInterface } from "../../pkg/link/create.ts";
import { randomMac } from "../../pkg/link/mac.ts";
import { findMaster, mtuOn, requireUsableMaster } from "../../pkg/link/master.ts";
import { requestedMac } from "../../pkg/link/requested-mac.ts";
import { MacvlanMode } from "../../pkg/netlink/rtnetlink/macvlan.ts";
import { integer, mtuEntries } from "../../pkg/skel/field.ts";
import {
  addInterface,
  checkInterface,
  collectInterfaces,
  deleteInterface,
} from "../../pkg/skel/interface.ts";
import { definePlugin } from "../../pkg/skel/plugin.ts";
import { refuse } from "../../pkg/skel/refuse.ts";

const { private: isolated, vepa, bridge, passthru } = MacvlanMode;
/** As configurations name them; MACVLAN_MODE_SOURCE is not among them. */
const modes: Readonly<Record<string, number>> = { private: isolated, vepa, bridge, passthru };

export const macvlan = definePlugin({
  name: "macvlan",
  config: {
    ...mtuEntries,
    master: v.optional(v.string()),
    mode: v.optional(v.string(), ""),
    mac: v.optional(v.string()),
    linkInContainer: v.optional(v.boolean(), false),
    bcqueuelen: v.optional(integer(0, 0xffffffff), 0),
    enabledad: v.optional(v.boolean()),
    runtimeConfig: v.optional(v.object({ mac: v.optional(v.string()) })),
  },
  cniArgs: ["MAC"],

  add(context) {
    const { config, container, host, ifName, prevResult, undo } = context;
    const mode = modeOf(config.mode);
    const wanted = requestedMac(config.runtimeConfig?.mac, context.cniArgs.MAC, config.mac);
    const from = config.linkInContainer ? container : host;
    const master = findMaster(from, config.master, prevResult);
    const made = createInterface(
      {
        kind: "macvlan",
        name: ifName,
        parent: master.index,
        mtu: mtuOn(master, config),
        // In passthru mode it has the master's, whatever is asked for.
        mac: mode === passthru ? wanted : (wanted ?? randomMac()),
        data: { mode, bcQueueLen: config.bcqueuelen || undefined },
      },
      { container, from, rollback: (step) => undo.push(step) },
    );
    return addInterface(context, made, { detectDuplicates: config.enabledad });
  },

  check(context) {
    const { config, host, container, prevResult } = context;
    const link = checkInterface(context, { kind: "macvlan" });
    const master = findMaster(config.linkInContainer ? container : host, config.master, prevResult);
    if (link.parent !== master.index) throw new Error(`${link.name} is not on ${master.name}`);
    const mode = link.kind === "macvlan" ? link.data?.mode : undefined;
    if (mode === modeOf(config.mode)) return;
    const name = Object.keys(modes).find((key) => modes[key] === mode) ?? mode;
    throw new Error(`container macvlan mode ${name} does not match expected value: ${config.mode}`);
  },

  del(context) {
    deleteInterface(context, "macvlan");
  },

  gc(context) {
    collectInterfaces(context, "macvlan");
  },

  status({ config, host, ipam }) {
    modeOf(config.mode);
    if (!config.linkInContainer) requireUsableMaster(host, config.master);
    ipam.status();
  },
});

function modeOf(name: string): number {
  const mode = modes[name || "bridge"];
  return mode ?? refuse(`unknown macvlan mode: ${goQuote(name)}`);
}
