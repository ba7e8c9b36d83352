/** Moves a device of the host into the container, and back. */

import * as v from "valibot";
import { lend, takeBack, takeBackStale } from "../../pkg/link/borrowed.ts";
import { findLink } from "../../pkg/link/find.ts";
import { wantedMtu } from "../../pkg/link/master.ts";
import type { Context } from "../../pkg/skel/context.ts";
import { mtuEntries } from "../../pkg/skel/field.ts";
import { addInterface, addressesFromIpam, checkInterface } from "../../pkg/skel/interface.ts";
import { saysMacOrNothing } from "../../pkg/skel/json-schema.ts";
import { type ConfigOf, definePlugin } from "../../pkg/skel/plugin.ts";
import { refuseUnsupported } from "../../pkg/skel/refuse.ts";
import { removeAndRelease } from "../../pkg/skel/release.ts";
import { type DeviceKeys, deviceKeys, findDevice, isUserspaceDevice } from "./device.ts";

const text = v.optional(v.string(), "");

const entries = {
  ...mtuEntries,
  device: text,
  hwaddr: v.optional(v.pipe(v.string(), saysMacOrNothing), ""),
  kernelpath: text,
  pciBusID: text,
  DPDKMode: v.optional(v.boolean(), false),
  enabledad: v.optional(v.boolean()),
  runtimeConfig: v.optional(v.object({ deviceID: v.optional(v.string()) })),
};

type DeviceContext = Context<ConfigOf<typeof entries>>;

export const hostDevice = definePlugin({
  name: "host-device",
  config: entries,

  add(context) {
    const { config, container, host, ifName, network, containerId, undo } = context;
    const keys = keysOf(context);
    if (isDriven(context, keys)) return addUserspaceDevice(context);
    const device = findDevice(host, keys);
    if (findLink(container, { name: ifName }) !== undefined) {
      const reason = `file exists: the container has an interface "${ifName}"`;
      throw new Error(`failed to move link ${device.name}: ${reason}`);
    }
    const mtu = wantedMtu(config, host);
    undo.push(() => takeBack({ host, container }, context));
    const made = lend(host, container, device, { network, containerId, ifName, mtu });
    const manner = { detectDuplicates: config.enabledad, mark: false };
    return addInterface(context, made, manner);
  },

  check(context) {
    const { ipam, prevResult } = context;
    const missing = "Required prevResult missing";
    if (!isDriven(context, keysOf(context))) checkInterface(context, {}, missing);
    else {
      ipam.check();
      if (prevResult === undefined) throw new Error(missing);
    }
  },

  del(context) {
    const { host, attempt } = context;
    removeAndRelease(context, () =>
      attempt(() => takeBack({ host, container: context.findContainer() }, context)),
    );
  },

  gc({ host, network, validAttachments, ipam, attempt }) {
    attempt(() => takeBackStale(host, { network, attachments: validAttachments }));
    attempt(() => ipam.gc());
  },

  // Whether the device is there says nothing: while a container has it, it is not.
  status(context) {
    keysOf(context);
    context.ipam.status();
  },
});

function keysOf({ config }: DeviceContext): DeviceKeys {
  return deviceKeys(config, config.runtimeConfig?.deviceID);
}

/** Whether a program in the container drives the device, without the kernel (DPDK). */
function isDriven({ config }: DeviceContext, keys: DeviceKeys): boolean {
  return isUserspaceDevice(keys) || config.DPDKMode;
}

/** There is no link to move: the runtime hands the device over. The addresses are for the program to use. */
function addUserspaceDevice(context: DeviceContext) {
  const { config, container, ifName: name } = context;
  if (config.mtu !== 0) refuseUnsupported("mtu", config.mtu);
  const { ips, routes } = addressesFromIpam(context, 0);
  return { interfaces: [{ name, sandbox: container.path }], ips, routes, dns: config.dns };
}
