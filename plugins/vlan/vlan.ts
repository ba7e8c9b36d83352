/** Gives the container an interface for one VLAN of a host interface. */

import * as v from "valibot";
import { isNetlinkError } from "../../pkg/netlink/error.ts";
import type { Link } from "../../pkg/netlink/rtnetlink/link.ts";
import type { Context } from "../../pkg/skel/context.ts";
import { integer } from "../../pkg/skel/field.ts";
import { addInterface, checkInterface, removalOf } from "../../pkg/skel/interface.ts";
import { saysWithin } from "../../pkg/skel/json-schema.ts";
import {
  checkMaster,
  createOnMaster,
  masterEntries,
  requireMaster,
} from "../../pkg/skel/on-master.ts";
import { type ConfigOf, definePlugin } from "../../pkg/skel/plugin.ts";
import { refuse } from "../../pkg/skel/refuse.ts";
import { Errno } from "../../pkg/sys/errno.ts";

/** 4095 is reserved (IEEE 802.1Q); 0 carries a priority only. */
const highestId = 4094;

const entries = {
  ...masterEntries,
  vlanId: v.optional(v.pipe(integer(), saysWithin(0, highestId)), 0),
};

type VlanConfig = ConfigOf<typeof entries>;

export const vlan = definePlugin({
  name: "vlan",
  config: entries,

  add(context) {
    checkConfig(context.config);
    return addInterface(context, create(context), { detectDuplicates: context.config.enabledad });
  },

  check(context) {
    const { config } = context;
    checkConfig(config);
    const link = checkInterface(context, { kind: "vlan" }, "vlan: Required prevResult missing");
    checkMaster(context, link);
    const id = link.kind === "vlan" ? link.data?.id : undefined;
    if (id === config.vlanId) return;
    throw new Error(`${link.name} is of VLAN ${id}, configured is ${config.vlanId}`);
  },

  ...removalOf("vlan"),

  status(context) {
    checkConfig(context.config);
    requireMaster(context);
    context.ipam.status();
  },
});

function checkConfig({ master, vlanId }: VlanConfig): void {
  if (master === "") {
    refuse(
      `"master" field is required. It specifies the host interface name to create the VLAN for`,
    );
  }
  if (vlanId < 0 || vlanId > highestId) {
    refuse(`invalid VLAN ID ${vlanId} (must be between 0 and 4095 inclusive)`);
  }
}

function create(context: Context<VlanConfig>): Link {
  const { master, vlanId } = context.config;
  try {
    return createOnMaster(context, { kind: "vlan", data: { id: vlanId } });
  } catch (error) {
    if (!isNetlinkError(error, Errno.EEXIST)) throw error;
    throw new Error(
      `VLAN ${vlanId} of "${master}" is taken: the kernel makes one interface for it, which may be another container's; ` +
        `to share it, make that interface on the host and use macvlan or bridge on it (${error.message})`,
    );
  }
}
