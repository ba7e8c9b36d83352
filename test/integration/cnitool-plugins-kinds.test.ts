// kernel: dummy ipvlan vlan
/** The same of the plugins whose kinds of links not every kernel has. */

import { fixed, testPairings } from "./harness/pairings.ts";

testPairings({
  dummy: { plugins: [{ type: "dummy", ipam: fixed }] },
  ipvlan: { plugins: [{ type: "ipvlan", master: "lan0", ipam: fixed }] },
  vlan: { plugins: [{ type: "vlan", master: "lan0", vlanId: 7, ipam: fixed }] },
});
