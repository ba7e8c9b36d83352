/** What the plugins share whose interface is made on another one, its master: macvlan, ipvlan, vlan. */

import * as v from "valibot";
import { toCniError } from "../cni/error.ts";
import { createInterface, type NewInterface } from "../link/create.ts";
import { findMaster, fromPrevResult, mtuOn, requireUsableMaster } from "../link/master.ts";
import { isNetlinkError } from "../netlink/error.ts";
import type { Link } from "../netlink/rtnetlink/link.ts";
import { MacvlanMode } from "../netlink/rtnetlink/macvlan.ts";
import type { Namespace } from "../ns/namespace.ts";
import { Errno } from "../sys/errno.ts";
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

/**
 * Makes the interface on the configured master, or on another one, with an MTU that fits it. Where the kernel refuses
 * the master for what it is, the message says what that is.
 */
export function createOnMaster(
  context: Context<MasterConfig>,
  settings: Omit<NewInterface, "name">,
  masterName = context.config.master,
): Link {
  const { config, container, ifName, prevResult, undo } = context;
  const from = namespaceOf(context);
  const master = findMaster(from, masterName, prevResult);
  if (!master.up) complain(context, master, settings.kind);
  const wanted = { ...settings, name: ifName, parent: master.index } as NewInterface;
  try {
    return createInterface(
      { ...wanted, mtu: mtuOn(master, config) },
      { container, from, rollback: (step) => undo.push(step) },
    );
  } catch (error) {
    const why = whyRefused(error, master);
    if (why === undefined) throw error;
    throw new Error(`failed to create ${settings.kind}: ${toCniError(error).message}: ${why}`);
  }
}

/** A VLAN's interface cannot be up where its master is not; the others wait for it. */
function complain({ ifName, log }: Context<MasterConfig>, { name }: Link, kind: string): void {
  const state = `master "${name}" is down`;
  if (kind === "vlan") throw new Error(`failed to set "${ifName}" UP: network is down: ${state}`);
  log(`${state}: no packets pass until it is up`);
}

/** What it is about the master that the kernel's error number stands for; undefined for errors of another kind. */
function whyRefused(error: unknown, master: Link): string | undefined {
  const { name, kind } = master;
  if (isNetlinkError(error, Errno.EBUSY)) {
    return master.master === undefined
      ? `master "${name}" has interfaces of another kind: macvlan and ipvlan exclude each other`
      : `master "${name}" is a port of another interface`;
  }
  if (!isNetlinkError(error, Errno.EINVAL) || kind !== "macvlan") return undefined;
  if (master.data?.mode !== MacvlanMode.passthru) return undefined;
  return `master "${name}" is a macvlan in passthru mode, which has its own master to itself`;
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
