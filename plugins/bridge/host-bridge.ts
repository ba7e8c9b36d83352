/** The bridge on the host: made when the first container needs it. */

import { findLink, removeLink } from "../../pkg/link/find.ts";
import { randomMac } from "../../pkg/link/mac.ts";
import { isNetlinkError } from "../../pkg/netlink/error.ts";
import {
  dumpLinks,
  getLink,
  type Link,
  newLink,
  setLink,
} from "../../pkg/netlink/rtnetlink/link.ts";
import { LinkFlag } from "../../pkg/netlink/rtnetlink/link-settings.ts";
import type { Namespace } from "../../pkg/ns/namespace.ts";
import { Errno } from "../../pkg/sys/errno.ts";
import { tryWriteSysctl } from "../../pkg/sysctl/sysctl.ts";
import type { BridgeConfig } from "./config.ts";

/** How long the making of a bridge may wait for other ADDs. */
export const bridgeLockMs = 10_000;

/** How to take back what an ADD does to the host. */
type Rollback = (step: () => void) => void;

/**
 * Finds the bridge or makes it, up and promiscuous as wanted. The bridge's own MAC is chosen here: one that
 * the kernel chose would change with its ports. Call it under `shared`.
 */
export function ensureBridge(host: Namespace, config: BridgeConfig, rollback: Rollback): Link {
  const name = config.bridge;
  const found = findLink(host, { name }) ?? createBridge(host, config, rollback);
  if (found.kind !== "bridge") {
    throw new Error(
      `failed to create bridge "${name}": "${name}" already exists but is not a bridge`,
    );
  }
  // A container must not be able to reconfigure the host by router advertisements (CVE-2020-10749).
  tryWriteSysctl(`net/ipv6/conf/${name}/accept_ra`, "0");
  const promiscuous = config.promiscMode || undefined;
  if (!found.up || (promiscuous && (found.flags & LinkFlag.promiscuous) === 0)) {
    host.send(setLink({ name, up: true, promiscuous }));
  }
  return found;
}

function createBridge(host: Namespace, config: BridgeConfig, rollback: Rollback): Link {
  const name = config.bridge;
  const mac = randomMac();
  rollback(() => removeUnused(host, name, mac));
  const promiscuous = config.promiscMode || undefined;
  try {
    const [, made] = host.send(
      newLink({ kind: "bridge", name, mac, mtu: config.mtu || undefined, up: true, promiscuous }),
      getLink({ name }),
    );
    return made;
  } catch (error) {
    // Another suite, which knows nothing of our lock, may have been faster.
    const found = isNetlinkError(error, Errno.EEXIST) ? findLink(host, { name }) : undefined;
    if (found !== undefined) return found;
    throw error;
  }
}

/** Removes the bridge that a failed ADD made, if it still is that one and no other container came to use it. */
function removeUnused(host: Namespace, name: string, mac: string): void {
  host.exclusively({ timeoutMs: bridgeLockMs }, () => {
    const bridge = findLink(host, { name });
    if (bridge?.mac === mac && portsOf(host, bridge).length === 0) {
      removeLink(host, { index: bridge.index });
    }
  });
}

/** The links whose master the bridge is. */
export function portsOf(host: Namespace, { index }: Link): Link[] {
  return host.socket.dump(dumpLinks({ master: index }));
}
