// kernel: vrf
/** As chained-faults.test.ts, for the plugin whose kind of link not every kernel has. */

import { testChainedFaults } from "./harness/chained-sweep.ts";

// Other kernels may be slow: at each third call, unless the environment asks for all.
testChainedFaults("vrf", 3);
