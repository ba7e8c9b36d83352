/** Errors of the kernel, and SIGKILL, at every system call of the interface plugins' ADD and DEL: nothing stays behind. */

import type { Call } from "./harness/host.ts";
import { networkOf } from "./harness/interface-plugin.ts";
import { testFaults } from "./harness/interface-sweep.ts";

/** The bridge plugin has a test of its own; vlan, ipvlan and dummy need another kernel. */
const calls: Record<string, Call> = {
  veth: { plugin: "veth", config: networkOf("veth") },
  macvlan: {
    plugin: "macvlan",
    config: networkOf("macvlan", { master: "wire0", enabledad: false }),
  },
  tap: { plugin: "tap", config: networkOf("tap", { enabledad: false, owner: 1000 }) },
  "host-device": {
    plugin: "host-device",
    config: networkOf("host-device", { device: "wire0", enabledad: false }),
  },
};

for (const [plugin, call] of Object.entries(calls)) testFaults(plugin, call);
