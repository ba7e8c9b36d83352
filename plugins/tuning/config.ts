/** The tuning plugin's configuration, and what it comes to once all of its sources are put together. */

import * as v from "valibot";
import { requestedMac } from "../../pkg/link/requested-mac.ts";
import type { Context } from "../../pkg/skel/context.ts";
import { integer, mtu } from "../../pkg/skel/field.ts";
import { saysUnicastMac } from "../../pkg/skel/json-schema.ts";
import { refuse } from "../../pkg/skel/refuse.ts";
import { checkAllowed } from "./allow-list.ts";
import { repeatsKey } from "./repeated-key.ts";
import type { LinkValues } from "./state.ts";
import { sysctlFile } from "./sysctl-name.ts";

/** What can be tuned: as the network's author says, or as `args.cni` does. */
const settings = {
  sysctl: v.optional(v.record(v.string(), v.string())),
  mac: v.optional(v.pipe(v.string(), saysUnicastMac)),
  promisc: v.optional(v.boolean()),
  mtu: v.optional(mtu),
  allmulti: v.optional(v.boolean()),
  txQLen: v.optional(integer(0, 0xffffffff)),
};

/** Keys besides the common ones; README.md says what each does. */
export const tuningEntries = {
  ...settings,
  dataDir: v.optional(v.string(), ""),
  allowlist: v.optional(v.string(), ""),
  runtimeConfig: v.optional(v.object({ mac: v.optional(v.pipe(v.string(), saysUnicastMac)) })),
  args: v.optional(v.object({ cni: v.optional(v.object(settings)) })),
};

/** The configuration as the plugin's verbs see it. */
export type TuningConfig = v.InferOutput<v.ObjectSchema<typeof tuningEntries, undefined>>;

/** What is to be so: the interface's values, and those of files below /proc/sys. */
export interface Wanted {
  readonly link: LinkValues;
  readonly sysctl: Readonly<Record<string, string>>;
}

type Call = Pick<Context<TuningConfig>, "config" | "cniArgs" | "ifName" | "stdin">;

/** Puts the sources together; throws code 7 for what cannot be or is not allowed. */
export function wantedOf({ config, cniArgs, ifName, stdin }: Call): Wanted {
  const own = config.sysctl;
  if (own !== undefined && repeatsKey(stdin, "sysctl", Object.keys(own)))
    refuse("duplicated sysctl keys are not allowed");
  const args = config.args?.cni ?? {};
  const asked = { ...own, ...args.sysctl };
  const sysctl: Record<string, string> = {};
  for (const [key, value] of Object.entries(asked)) sysctl[sysctlFile(key, ifName)] = value;
  checkAllowed(Object.keys(asked), config.allowlist);
  const mac = requestedMac(args.mac, config.runtimeConfig?.mac, cniArgs.MAC, config.mac);
  const link = {
    mac,
    // false leaves it as it is, and so does an MTU of 0.
    promisc: (args.promisc ?? config.promisc) || undefined,
    mtu: (args.mtu ?? config.mtu) || undefined,
    allmulti: args.allmulti ?? config.allmulti,
    txQLen: args.txQLen ?? config.txQLen,
  };
  return { link, sysctl };
}
