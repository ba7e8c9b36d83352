/**
 * Makes a tap that carries an SELinux label. The kernel labels a tap with the label of the process that makes it,
 * whatever /proc/self/attr/sockcreate says, and a process that took on the label of a container for it could not
 * return to its own. So a child makes it: this executable once more, started with the label, asked for no more
 * than the bare link.
 */

import { toCniError } from "../../pkg/cni/error.ts";
import { execPlugin } from "../../pkg/invoke/exec.ts";
import type { Namespace } from "../../pkg/ns/namespace.ts";
import { OpenFlag, openFile, writeAll } from "../../pkg/sys/file.ts";
import { encode } from "../../pkg/sys/text.ts";

/** The label of the next program that this thread, or a child of it, executes. */
const nextLabel = "/proc/thread-self/attr/exec";

/** What the child is told; the rest of the configuration is not its business. */
export interface BareTap {
  readonly network: string;
  readonly cniVersion: string;
  readonly containerId: string;
  readonly ifName: string;
  readonly multiQueue: boolean;
  readonly owner?: number;
  readonly group?: number;
}

/** Has the child make the tap in the container. Throws in the reference's words where the label cannot be set. */
export function createLabelled(
  container: Namespace,
  label: string,
  { network: name, cniVersion, containerId, ifName, multiQueue, owner, group }: BareTap,
  log: (line: string) => void,
): void {
  const run = {
    path: "/proc/self/exe",
    env: {
      CNI_COMMAND: "ADD",
      CNI_CONTAINERID: containerId,
      CNI_IFNAME: ifName,
      // It inherits the namespace, so that it need not be allowed to enter one.
      CNI_NETNS: "/proc/self/ns/net",
      CNI_NETNS_OVERRIDE: "1",
      CNI_PATH: "/",
    },
    stdin: JSON.stringify({ cniVersion, name, type: "tap", multiQueue, owner, group }),
  };
  container.run(() => {
    setNextLabel(label);
    try {
      execPlugin(run, log);
    } finally {
      setNextLabel("");
    }
  });
}

function setNextLabel(label: string): void {
  try {
    using file = openFile(nextLabel, OpenFlag.writeOnly);
    writeAll(file, encode(label === "" ? "\0" : label));
  } catch (error) {
    throw new Error(`failed set socket label: ${toCniError(error).message}`);
  }
}
