/** Gives the container an interface on a host interface's wire that shares its MAC address. */

import * as v from "valibot";
import { goQuote } from "../../pkg/cni/quote.ts";
import type { IpConfig } from "../../pkg/cni/result.ts";
import { fromPrevResult } from "../../pkg/link/master.ts";
import { IpvlanMode } from "../../pkg/netlink/rtnetlink/ipvlan.ts";
import type { Context } from "../../pkg/skel/context.ts";
import { addInterface, checkInterface, removalOf } from "../../pkg/skel/interface.ts";
import { saysOneOf } from "../../pkg/skel/json-schema.ts";
import {
  checkMaster,
  createOnMaster,
  masterEntries,
  requireMaster,
} from "../../pkg/skel/on-master.ts";
import { type ConfigOf, definePlugin } from "../../pkg/skel/plugin.ts";
import { refuse } from "../../pkg/skel/refuse.ts";

const modes: Readonly<Record<string, number>> = IpvlanMode;

const entries = {
  ...masterEntries,
  mode: v.optional(v.pipe(v.string(), saysOneOf(...Object.keys(modes))), ""),
};

type IpvlanContext = Context<ConfigOf<typeof entries>>;

export const ipvlan = definePlugin({
  name: "ipvlan",
  config: entries,

  add(context) {
    const { config, ipam, prevResult } = context;
    const mode = modeOf(config.mode);
    // Behind another plugin of a chain it is made on what that one made.
    const master = config.master || (prevResult === undefined ? "" : fromPrevResult);
    const made = createOnMaster(context, { kind: "ipvlan", data: { mode } }, master);
    const inherited = ipam.configured ? undefined : inheritedFrom(context);
    return addInterface(context, made, { detectDuplicates: config.enabledad }, inherited);
  },

  check(context) {
    const { config } = context;
    const link = checkInterface(context, { kind: "ipvlan" });
    if (config.master !== "") checkMaster(context, link);
    const mode = link.kind === "ipvlan" ? link.data?.mode : undefined;
    if (mode === modeOf(config.mode)) return;
    const name = Object.keys(modes).find((key) => modes[key] === mode) ?? mode;
    throw new Error(
      `Container IPVlan mode ${name} does not match expected value: ${config.mode || "l2"}`,
    );
  },

  ...removalOf("ipvlan"),

  status(context) {
    modeOf(context.config.mode);
    requireMaster(context);
    context.ipam.status();
  },
});

/** Addresses and routes that the plugin before this one in the chain was given for it. */
function inheritedFrom({ prevResult }: IpvlanContext) {
  const place = (ip: IpConfig) => ({ ...ip, interface: 0 });
  return { ips: prevResult?.ips?.map(place), routes: prevResult?.routes };
}

function modeOf(name: string): number {
  return modes[name || "l2"] ?? refuse(`unknown ipvlan mode: ${goQuote(name)}`);
}
