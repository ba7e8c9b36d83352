// kernel: bridge-vlan dummy ipvlan vlan
/** The interface plugins beside the reference's whose kinds of links not every kernel has. */

import { compareWithReference } from "./harness/compare-interfaces.ts";
import { dualStack } from "./harness/networks.ts";

compareWithReference("vlan", { master: "wire0", vlanId: 100, mtu: 1400 });
compareWithReference("ipvlan", { master: "wire0", mode: "l3s" });
compareWithReference("ipvlan", { master: "wire0", mode: "l2", cniVersion: "0.3.1" });
compareWithReference("dummy", {});
compareWithReference("bridge", { isDefaultGateway: true, ipam: dualStack, vlan: 100 });
compareWithReference("bridge", {
  isGateway: true,
  ipam: dualStack,
  vlan: 100,
  vlanTrunk: [{ minID: 5, maxID: 9, id: 7 }, { id: 4094 }],
  preserveDefaultVlan: true,
  mtu: 1400,
});
compareWithReference("bridge", { ipam: undefined, vlanTrunk: [{ id: 7 }] });
