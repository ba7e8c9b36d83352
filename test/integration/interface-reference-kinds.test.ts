// kernel: dummy ipvlan vlan
/** The interface plugins beside the reference's whose kinds of links not every kernel has. */

import { compareWithReference } from "./harness/compare-interfaces.ts";

compareWithReference("vlan", { master: "wire0", vlanId: 100, mtu: 1400 });
compareWithReference("ipvlan", { master: "wire0", mode: "l3s" });
compareWithReference("ipvlan", { master: "wire0", mode: "l2", cniVersion: "0.3.1" });
compareWithReference("dummy", {});
