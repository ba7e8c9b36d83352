/** What the plugins share whose interface is made on another one, its master: macvlan, ipvlan, vlan. */

import * as v from "valibot";
import { createInterface, type NewInterface } from "../link/create.ts";
import { findMaster, fromPrevResult, mtuOn, requireUsableMaster } from "../link/master.ts";
import type { Link } from "../netlink/rtnetlink/link.ts";
import type { Namespace } from "../ns/namespace.ts";
import type { Context } from "./context.ts";
import { mtuEntries } from "./field.ts";
import { saysLinkName } from "./json-schema.ts";

/** Their keys. */
export const masterEntries = {
  ...mtuEntries,
  master: v.optional(v.pipe(v.string(), saysLinkName), ""),
  linkInContainer: v.optional(v.boolean(), false),
  enabledad: v.optional(v.boolean()),
};

/** The values of these keys. */
export type MasterConfig = v.InferOutput<v.ObjectSchema<typeof masterEntries, undefined>>;

/** Makes the interface on the configured master, or on another one, with an MTU that fits it. */
export function createOnMaster(
  context: Context<MasterConfig>,
  settings: Omit<NewInterface, "name">,
  masterName = context.config.master,
): Link {
  const { config, container, ifName, prevResult, undo } = context;
  const from = namespaceOf(context);
  const master = findMaster(from, masterName, prevResult);
  const wanted = { ...settings, name: ifName, parent: master.index } as NewInterface;
  return createInterface(
    { ...wanted, mtu: mtuOn(master, config) },
    { container, from, rollback: (step) => undo.push(step) },
  );
}

/** Throws where the interface is no longer on the configured master, or has lost the configured MTU. */
export function checkMaster(context: Context<MasterConfig>, link: Link): void {
  const { master: name, mtu } = context.config;
  if (typeof mtu === "number" && mtu !== 0 && link.mtu !== mtu) {
    throw new Error(`${link.name} has MTU ${link.mtu}, configured is ${mtu}`);
  }
  // The prevResult of CHECK is this plugin's own: it does not tell what it was made on.
  if (name === fromPrevResult) return;
  const master = findMaster(namespaceOf(context), name);
  if (link.parent !== master.index) throw new Error(`${link.name} is not on "${master.name}"`);
}

/** STATUS: throws where the master cannot be used; one in a container cannot be looked at. */
export function requireMaster({ config, host }: Context<MasterConfig>): void {
  const isElsewhere = config.linkInContainer || config.master === fromPrevResult;
  if (!isElsewhere) requireUsableMaster(host, config.master);
}

function namespaceOf({ config, container, host }: Context<MasterConfig>): Namespace {
  return config.linkInContainer ? container : host;
}
