// kernel: dummy ipvlan vlan vrf
/** The same of the plugins whose kinds of links not every kernel has. */

import { bridge, fixed, testPairings } from "./harness/pairings.ts";

testPairings({
  dummy: { plugins: [{ type: "dummy", ipam: fixed }] },
  ipvlan: { plugins: [{ type: "ipvlan", master: "lan0", ipam: fixed }] },
  // The gateway that the bridge looks for has moved to the table of vrf.
  vrf: {
    plugins: [bridge, { type: "vrf", vrfname: "blue" }],
    from: "0.3.1",
    reference: "its CHECK fails after its own ADD",
  },
  vlan: { plugins: [{ type: "vlan", master: "lan0", vlanId: 7, ipam: fixed }] },
});
