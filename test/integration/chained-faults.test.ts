/** Errors of the kernel, and SIGKILL, at every system call of ADD and DEL of the plugins that stand in a chain. */

import { testChainedFaults } from "./harness/chained-sweep.ts";

for (const plugin of ["bandwidth", "sbr", "tuning"]) testChainedFaults(plugin);
