/** Namespaces for a test on Node, as root: one that stands for the host's, one for the container. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OpenFlag, openFile } from "../../sys/file.ts";
import { enterNetwork, enterNewNetwork } from "../../sys/testing/new-network.ts";

/**
 * Runs the test in a network namespace of its own, with the path of another one; both are gone after it. The test
 * must be synchronous: it is this thread that goes there.
 */
export function withNamespaces(test: (netns: string) => void): void {
  using home = openFile("/proc/thread-self/ns/net", OpenFlag.readOnly);
  const folder = mkdtempSync(join(tmpdir(), "tscni-test-"));
  const netns = join(folder, "container");
  writeFileSync(netns, "");
  try {
    execFileSync("unshare", [`--net=${netns}`, "true"]);
    enterNewNetwork();
    try {
      test(netns);
    } finally {
      enterNetwork(home.fd);
      execFileSync("umount", [netns]);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}
