// kernel: bridge-vlan dummy ipvlan vlan
/** The same faults in the plugins whose kinds of links not every kernel has, and in a bridge with VLANs. */

import { networkOf } from "./harness/interface-plugin.ts";
import { testFaults } from "./harness/interface-sweep.ts";
import { gatewayConfig } from "./harness/networks.ts";

const calls = [
  ["vlan", { master: "wire0", vlanId: 100, enabledad: false }],
  ["ipvlan", { master: "wire0", enabledad: false }],
  ["dummy", { enabledad: false }],
] as const;

for (const [plugin, keys] of calls) {
  testFaults(plugin, { plugin, config: networkOf(plugin, keys) });
}

testFaults(
  "bridge with a VLAN, both made anew",
  { config: gatewayConfig({ vlan: 100 }) },
  {
    reset: (host) => host.run("sh", "-c", "ip link del cni0.100; ip link del cni0; true"),
  },
);
