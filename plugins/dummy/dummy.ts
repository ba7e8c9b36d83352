/** Gives the container an interface that leads nowhere, to hold addresses. */

import { createInterface } from "../../pkg/link/create.ts";
import { randomMac } from "../../pkg/link/mac.ts";
import { wantedMtu } from "../../pkg/link/master.ts";
import { mtuEntries } from "../../pkg/skel/field.ts";
import { addInterface, checkInterface, removalOf } from "../../pkg/skel/interface.ts";
import { definePlugin } from "../../pkg/skel/plugin.ts";
import { refuse } from "../../pkg/skel/refuse.ts";

export const dummy = definePlugin({
  name: "dummy",
  config: mtuEntries,

  add(context) {
    const { config, container, host, ifName, ipam, undo } = context;
    requireIpam(ipam.configured);
    const mtu = wantedMtu(config, host);
    const made = createInterface(
      { kind: "dummy", name: ifName, mac: randomMac(), mtu },
      { container, rollback: (step) => undo.push(step) },
    );
    return addInterface(context, made, { dns: "ipam" });
  },

  check(context) {
    requireIpam(context.ipam.configured);
    checkInterface(context, { kind: "dummy" }, "dummy: Required prevResult missing");
  },

  ...removalOf("dummy"),

  status({ ipam }) {
    requireIpam(ipam.configured);
    ipam.status();
  },
});

function requireIpam(isConfigured: boolean): void {
  if (!isConfigured) refuse("dummy interface requires an IPAM configuration");
}
