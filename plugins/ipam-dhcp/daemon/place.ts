/** Where an attachment is: its namespace, told from others that have its path later, and the interface in it. */

import { parseMac } from "../../../pkg/ip/mac.ts";
import { isNetlinkError, NetlinkError } from "../../../pkg/netlink/error.ts";
import { getLink, type Link, setLink } from "../../../pkg/netlink/rtnetlink/link.ts";
import { Namespace, NoNamespaceError } from "../../../pkg/ns/namespace.ts";
import { Errno, isSysError } from "../../../pkg/sys/errno.ts";
import { stat } from "../../../pkg/sys/statx.ts";
import { ensureSysctl, tryWriteSysctl } from "../../../pkg/sysctl/sysctl.ts";
import type { Order } from "../order.ts";
import { GoneError, type Interface } from "./lease-client.ts";

/** What tells a namespace and an interface from others of their names; kept in the lease file. */
export interface Place {
  readonly path: string;
  readonly dev: number;
  readonly ino: string;
  readonly index: number;
  readonly mac: string;
}

/** Opens the namespace of a place for one piece of work. Throws GoneError where it is no more, or is another. */
export function withPlace<T>(
  home: Namespace,
  place: Pick<Place, "path" | "dev" | "ino">,
  work: (namespace: Namespace) => T,
): T {
  using namespace = openPlace(home, place);
  try {
    return work(namespace);
  } catch (error) {
    if (isSysError(error, Errno.ENODEV, Errno.ENXIO)) throw new GoneError("its interface is gone");
    throw error;
  }
}

function openPlace(home: Namespace, { path, dev, ino }: Pick<Place, "path" | "dev" | "ino">) {
  const found = identify(path);
  if (found === undefined || found.dev !== dev || found.ino !== ino) {
    throw new GoneError("its network namespace is gone");
  }
  try {
    return Namespace.open(path, home);
  } catch (error) {
    if (error instanceof NoNamespaceError) throw new GoneError("its network namespace is gone");
    throw error;
  }
}

/** What the path leads to now; undefined for nothing. */
export function identify(path: string): Pick<Place, "path" | "dev" | "ino"> | undefined {
  try {
    const { dev, ino } = stat(path);
    return { path, dev, ino: String(ino) };
  } catch (error) {
    if (isSysError(error, Errno.ENOENT, Errno.ENOTDIR, Errno.ESRCH)) return undefined;
    throw error;
  }
}

/** The interface, brought up if it is down. Throws in the reference's words where there is none. */
export function prepareLink(namespace: Namespace, { ifName, v6 }: Order): Link {
  const link = findLink(namespace, ifName);
  if (v6 !== undefined) namespace.run(() => prepareIpv6(ifName));
  if (!link.up) namespace.send(setLink({ index: link.index, up: true }));
  return link;
}

/**
 * What routers tell is for the daemon to act upon, not for the kernel beside it. The link's own address need not be
 * probed for: it is made of a hardware address that nobody else has.
 */
function prepareIpv6(ifName: string): void {
  const conf = `net/ipv6/conf/${ifName}`;
  for (const name of ["accept_ra", "autoconf", "accept_dad"])
    tryWriteSysctl(`${conf}/${name}`, "0");
  // Runtimes like to start containers with IPv6 off; an order for it says that it is wanted.
  for (const link of ["lo", ifName]) ensureSysctl(`net/ipv6/conf/${link}/disable_ipv6`, "0");
}

function findLink(namespace: Namespace, ifName: string): Link {
  try {
    return namespace.send(getLink({ name: ifName }))[0];
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error;
    throw new Error(`error looking up "${ifName}": ${error.message}`);
  }
}

/**
 * Whether the interface passes packets. Of a veth pair whose other end is on the host that end has to, too, and the
 * bridge it is on: the kernel has them forward up to a second later than this one comes up, unless it is asked.
 */
export function isReady(namespace: Namespace, home: Namespace, index: number): boolean {
  const [link] = namespace.send(getLink({ index }));
  return isUp(link) && (link.kind !== "veth" || isPeerUp(home, link));
}

function isUp({ operState, carrier }: Link): boolean {
  return operState === "up" || (operState === "unknown" && carrier);
}

/** An end that is elsewhere is not ours to wait for. */
function isPeerUp(home: Namespace, { index, peerIndex }: Link): boolean {
  if (peerIndex === undefined) return true;
  try {
    const [peer] = home.send(getLink({ index: peerIndex }));
    if (peer.kind !== "veth" || peer.peerIndex !== index) return true;
    const isBridgeUp =
      peer.master === undefined || isUp(home.send(getLink({ index: peer.master }))[0]);
    return isUp(peer) && isBridgeUp;
  } catch (error) {
    if (isNetlinkError(error, Errno.ENODEV)) return true;
    throw error;
  }
}

/** The interface as clients see it. Throws for what is not like Ethernet: messages have no room for longer addresses. */
export function interfaceOf(link: Link): Interface {
  const mac = parseMac(link.mac ?? "");
  if (mac?.length !== 6) throw new Error(`"${link.name}" has no Ethernet address`);
  const { index, name, hardwareType, kind } = link;
  return { index, name, mac, hardwareType, kind };
}
