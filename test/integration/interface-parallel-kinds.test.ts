// kernel: dummy ipvlan vlan
/** The same of the plugins whose kinds of links not every kernel has. */

import { testCrowd } from "./harness/crowd.ts";

testCrowd({
  plugin: "ipvlan",
  keys: () => ({ master: "wire0", enabledad: false }),
  reaches: true,
  ownMac: false,
});
testCrowd({
  plugin: "vlan",
  keys: (place) => ({ master: "wire0", vlanId: place, enabledad: false }),
  ownMac: false,
});
testCrowd({ plugin: "dummy", keys: () => ({}) });
