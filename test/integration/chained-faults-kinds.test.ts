// kernel: vrf
/** As chained-faults.test.ts, for the plugin whose kind of link not every kernel has. */

import { testChainedFaults } from "./harness/chained-sweep.ts";

testChainedFaults("vrf");
