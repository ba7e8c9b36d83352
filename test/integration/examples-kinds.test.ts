// kernel: dummy ipvlan vlan vrf
/** The examples in the documentation whose kinds of links not every kernel has, run. */

import { testExamples } from "./harness/run-example.ts";

testExamples("special kinds");
