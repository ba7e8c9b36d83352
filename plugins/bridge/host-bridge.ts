/** The bridge on the host: made when the first container needs it. */

import { CniError, ErrorCode } from "../../pkg/cni/error.ts";
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
import { vlanFailure } from "./vlans.ts";

/** How long the making of a bridge may wait for other ADDs. */
export const bridgeLockMs = 10_000;

/** The bridge to be: what is left out or false stays as it is on one that exists. */
export interface WantedBridge {
  readonly name: string;
  /** Of a new one. */
  readonly mtu: number | undefined;
  readonly promiscuous: boolean;
  /** Whether a new one keeps VLANs apart. */
  readonly vlanFiltering: boolean;
}

/** How to take back what an ADD does to the host. */
type Rollback = (step: () => void) => void;

/**
 * Finds the bridge or makes it, up and promiscuous as wanted. The bridge's own MAC is chosen here: one that
 * the kernel chose would change with its ports. Call it under `shared`.
 */
export function ensureBridge(host: Namespace, wanted: WantedBridge, rollback: Rollback): Link {
  const { name } = wanted;
  const found = findLink(host, { name }) ?? createBridge(host, wanted, rollback);
  if (found.kind !== "bridge") {
    throw new Error(
      `failed to create bridge "${name}": "${name}" already exists but is not a bridge`,
    );
  }
  // A container must not be able to reconfigure the host by router advertisements (CVE-2020-10749).
  tryWriteSysctl(`net/ipv6/conf/${name}/accept_ra`, "0");
  const promiscuous = wanted.promiscuous || undefined;
  if (!found.up || (promiscuous && (found.flags & LinkFlag.promiscuous) === 0)) {
    host.send(setLink({ name, up: true, promiscuous }));
  }
  return found;
}

function createBridge(host: Namespace, wanted: WantedBridge, rollback: Rollback): Link {
  const { name, mtu } = wanted;
  const mac = randomMac();
  rollback(() => removeUnused(host, name, mac));
  const promiscuous = wanted.promiscuous || undefined;
  const data = wanted.vlanFiltering ? { vlanFiltering: true } : undefined;
  try {
    const [, made] = host.send(
      newLink({ kind: "bridge", name, mac, mtu, up: true, promiscuous, data }),
      getLink({ name }),
    );
    return made;
  } catch (error) {
    // Another suite, which knows nothing of our lock, may have been faster.
    const found = isNetlinkError(error, Errno.EEXIST) ? findLink(host, { name }) : undefined;
    if (found !== undefined) return found;
    if (!wanted.vlanFiltering) throw error;
    throw new Error(`failed to create bridge "${name}": ${vlanFailure(error)}`);
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

/** STATUS: throws code 50 where the name is taken by something that is no bridge. */
export function requireBridge(host: Namespace, name: string): void {
  const found = findLink(host, { name });
  if (found === undefined || found.kind === "bridge") return;
  throw new CniError(ErrorCode.notAvailable, `"${name}" already exists but is not a bridge`);
}

/** The links whose master the bridge is. */
export function portsOf(host: Namespace, { index }: Link): Link[] {
  return host.socket.dump(dumpLinks({ master: index }));
}
