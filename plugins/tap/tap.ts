/** Gives the container an interface whose other end is a file descriptor: for programs that run virtual machines. */

import * as v from "valibot";
import { CniError, ErrorCode } from "../../pkg/cni/error.ts";
import { claimName } from "../../pkg/link/create.ts";
import { findLink } from "../../pkg/link/find.ts";
import { randomMac } from "../../pkg/link/mac.ts";
import { wantedMtu } from "../../pkg/link/master.ts";
import { requestedMac } from "../../pkg/link/requested-mac.ts";
import { canMakeTaps, createTap } from "../../pkg/link/tap.ts";
import { getLink, type Link, setLink } from "../../pkg/netlink/rtnetlink/link.ts";
import type { Context } from "../../pkg/skel/context.ts";
import { integer, mtuEntries } from "../../pkg/skel/field.ts";
import { addInterface, checkInterface, removalOf } from "../../pkg/skel/interface.ts";
import { saysLinkName, saysUnicastMac } from "../../pkg/skel/json-schema.ts";
import { type ConfigOf, definePlugin } from "../../pkg/skel/plugin.ts";
import { createLabelled } from "./labelled.ts";

/** What the kernel calls the kind. */
const kind = "tun";

/** A user's or group's number; the highest one stands for none. */
const id = v.optional(integer(0, 0xfffffffe));

const entries = {
  ...mtuEntries,
  mac: v.optional(v.pipe(v.string(), saysUnicastMac)),
  multiQueue: v.optional(v.boolean(), false),
  owner: id,
  group: id,
  selinuxContext: v.optional(v.string(), ""),
  bridge: v.optional(v.pipe(v.string(), saysLinkName), ""),
  enabledad: v.optional(v.boolean(), false),
  runtimeConfig: v.optional(v.object({ mac: v.optional(v.pipe(v.string(), saysUnicastMac)) })),
};

type TapContext = Context<ConfigOf<typeof entries>>;

export const tap = definePlugin({
  name: "tap",
  config: entries,
  cniArgs: ["MAC"],

  add(context) {
    const { config, container, host, cniArgs } = context;
    const mac = requestedMac(config.runtimeConfig?.mac, cniArgs.MAC, config.mac) ?? randomMac();
    const mtu = wantedMtu(config, host);
    const master = bridgeIndex(context);
    const { index } = create(context);
    const [, made] = container.send(setLink({ index, mac, mtu, master }), getLink({ index }));
    return addInterface(context, made, { detectDuplicates: config.enabledad });
  },

  check(context) {
    const { config } = context;
    const link = checkInterface(context, { kind });
    if (link.master !== bridgeIndex(context)) {
      throw new Error(`${link.name} is not a port of "${config.bridge}"`);
    }
    const { owner, group, multiQueue = false } = (link.kind === kind ? link.data : undefined) ?? {};
    if (owner === config.owner && group === config.group && multiQueue === config.multiQueue)
      return;
    throw new Error(`${link.name} has another owner, group or multiQueue than configured`);
  },

  ...removalOf(kind),

  status({ ipam }) {
    if (!canMakeTaps()) throw new CniError(ErrorCode.notAvailable, "cannot open /dev/net/tun");
    ipam.status();
  },
});

/** The bridge is one of the container's. */
function bridgeIndex({ config, container }: TapContext): number | undefined {
  if (config.bridge === "") return undefined;
  const failure = `failed to get bridge ${config.bridge}`;
  const link = findLink(container, { name: config.bridge });
  if (link === undefined) throw new Error(`${failure}: Link not found`);
  if (link.kind !== "bridge") throw new Error(`${failure}: it is not a bridge`);
  return link.index;
}

function create(context: TapContext): Link {
  const { config, container, ifName: name, undo } = context;
  const { multiQueue, owner, group, selinuxContext: label } = config;
  claimName({ kind, name, title: "tap" }, { container, rollback: (step) => undo.push(step) });
  if (label === "") container.run(() => createTap({ name, multiQueue, owner, group }));
  else createLabelled(container, label, { ...context, multiQueue, owner, group }, context.log);
  return container.send(getLink({ name }))[0];
}
