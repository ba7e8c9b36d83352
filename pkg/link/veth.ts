/** The pair of links between a container and its host. */

import { isNetlinkError } from "../netlink/error.ts";
import type { BridgePort } from "../netlink/rtnetlink/bridge.ts";
import { getLink, type Link, newLink, setLink } from "../netlink/rtnetlink/link.ts";
import type { Namespace } from "../ns/namespace.ts";
import { Errno } from "../sys/errno.ts";
import { tryWriteSysctl } from "../sysctl/sysctl.ts";
import { type Attachment, aliasOf } from "./attachment.ts";
import { findLink, hostNames, removeLink } from "./find.ts";
import { randomMac } from "./mac.ts";

/** How the pair is to be made. */
export interface VethOptions {
  readonly attachment: Attachment;
  /** Both ends; the kernel's default if not given. */
  readonly mtu?: number;
  /** The container end's; random if not given. */
  readonly mac?: string;
  /** The bridge that the host end becomes a port of, and how it behaves there. */
  readonly master?: number;
  readonly port?: BridgePort;
  /** Given the way to remove the pair, before it is made. */
  readonly rollback: (step: () => void) => void;
}

/** The host's end as it was made. */
export interface MadeEnd {
  readonly index: number;
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
}

/** The pair as made: the host end is up and marked as the attachment's, the container end is down. */
export interface Veth {
  readonly host: MadeEnd;
  readonly container: { readonly index: number; readonly mac: string };
}

/**
 * Makes the pair with everything it is to have in one batch, so that nobody sees it half made, udev has nothing
 * to add, and no kill leaves one without its mark. Throws in the reference's words where the container has the
 * interface already.
 */
export function createVeth(host: Namespace, container: Namespace, options: VethOptions): Veth {
  const { ifName } = options.attachment;
  const mac = options.mac ?? randomMac();
  const hostMac = randomMac();
  for (const name of hostNames(options.attachment)) {
    options.rollback(() => removeOwn(host, name, hostMac));
    const link = tryCreate(host, container, options, { name, mac, hostMac });
    if (link !== undefined) {
      // A container must not be able to reconfigure the host by router advertisements (CVE-2020-10749).
      tryWriteSysctl(`net/ipv6/conf/${name}/accept_ra`, "0");
      const { index, mtu, otherIndex = 0 } = link;
      return { host: { index, name, mac: hostMac, mtu }, container: { index: otherIndex, mac } };
    }
    if (findLink(container, { name: ifName }) !== undefined) {
      throw new Error(`container veth name ("${ifName}") peer provided ("${name}") already exists`);
    }
  }
  throw new Error(`failed to make veth pair: every name for its host end is taken`);
}

/**
 * Queues a side. The kernel uses one anyway, but without a word makes as many as the machine may have processors, takes
 * them away again and waits for all of them to notice: half of what the pair takes to be made, on two processors.
 */
const QUEUES = 1;

interface Names {
  readonly name: string;
  readonly mac: string;
  readonly hostMac: string;
}

/** Undefined if one of the two names is taken. */
function tryCreate(
  host: Namespace,
  container: Namespace,
  { attachment, mtu, master, port }: VethOptions,
  { name, mac, hostMac }: Names,
): Link | undefined {
  // The kernel goes on with a batch after a refusal: the second message must not reach another's link.
  if (findLink(host, { name }) !== undefined) return undefined;
  const peer = {
    name: attachment.ifName,
    mac,
    mtu,
    netnsFd: container.fd,
    txQueues: QUEUES,
    rxQueues: QUEUES,
  };
  const marks = { name, alias: aliasOf(attachment), up: true };
  try {
    // Asked for ahead of the set-up: the kernel closes the queues of a link that is up and has no carrier before it
    // answers, and waits for that.
    const [, link] = host.send(
      newLink({
        kind: "veth",
        name,
        mac: hostMac,
        mtu,
        master,
        txQueues: QUEUES,
        rxQueues: QUEUES,
        data: { peer },
      }),
      getLink({ name }),
      setLink(port ? { ...marks, portKind: "bridge", portData: port } : marks),
    );
    return link;
  } catch (error) {
    if (isNetlinkError(error, Errno.EEXIST)) return undefined;
    throw error;
  }
}

/** The link of that name may be somebody else's; the MAC, chosen at random by this call, tells. */
function removeOwn(host: Namespace, name: string, mac: string): void {
  const link = findLink(host, { name });
  if (link?.mac === mac) removeLink(host, { index: link.index });
}
