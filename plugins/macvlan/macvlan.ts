/** Gives the container an interface on a host interface's wire, with a MAC address of its own. */

import * as v from "valibot";
import { goQuote } from "../../pkg/cni/quote.ts";
import { randomMac } from "../../pkg/link/mac.ts";
import { requestedMac } from "../../pkg/link/requested-mac.ts";
import { MacvlanMode } from "../../pkg/netlink/rtnetlink/macvlan.ts";
import { integer } from "../../pkg/skel/field.ts";
import { addInterface, checkInterface, removalOf } from "../../pkg/skel/interface.ts";
import { saysOneOf, saysUnicastMac } from "../../pkg/skel/json-schema.ts";
import {
  checkMaster,
  createOnMaster,
  masterEntries,
  requireMaster,
} from "../../pkg/skel/on-master.ts";
import { definePlugin } from "../../pkg/skel/plugin.ts";
import { refuse } from "../../pkg/skel/refuse.ts";

const { private: isolated, vepa, bridge, passthru } = MacvlanMode;
/** As configurations name them; MACVLAN_MODE_SOURCE is not among them. */
const modes: Readonly<Record<string, number>> = { private: isolated, vepa, bridge, passthru };

export const macvlan = definePlugin({
  name: "macvlan",
  config: {
    ...masterEntries,
    mode: v.optional(v.pipe(v.string(), saysOneOf(...Object.keys(modes))), ""),
    mac: v.optional(v.pipe(v.string(), saysUnicastMac)),
    bcqueuelen: v.optional(integer(0, 0xffffffff), 0),
    runtimeConfig: v.optional(v.object({ mac: v.optional(v.pipe(v.string(), saysUnicastMac)) })),
  },
  cniArgs: ["MAC"],

  add(context) {
    const { config, cniArgs } = context;
    const mode = modeOf(config.mode);
    const wanted = requestedMac(config.runtimeConfig?.mac, cniArgs.MAC, config.mac);
    const made = createOnMaster(context, {
      kind: "macvlan",
      // In passthru mode it has the master's, whatever is asked for.
      mac: mode === passthru ? wanted : (wanted ?? randomMac()),
      data: { mode, bcQueueLen: config.bcqueuelen || undefined },
    });
    return addInterface(context, made, { detectDuplicates: config.enabledad });
  },

  check(context) {
    const { mode: wanted } = context.config;
    const link = checkInterface(context, { kind: "macvlan" });
    checkMaster(context, link);
    const mode = link.kind === "macvlan" ? link.data?.mode : undefined;
    if (mode === modeOf(wanted)) return;
    const name = Object.keys(modes).find((key) => modes[key] === mode) ?? mode;
    throw new Error(`container macvlan mode ${name} does not match expected value: ${wanted}`);
  },

  ...removalOf("macvlan"),

  status(context) {
    modeOf(context.config.mode);
    requireMaster(context);
    context.ipam.status();
  },
});

function modeOf(name: string): number {
  const mode = modes[name || "bridge"];
  return mode ?? refuse(`unknown macvlan mode: ${goQuote(name)}`);
}
