/** Which way to the packet filter: the kernel's nf_tables, directly. */

import type { NetlinkSocket } from "../netlink/socket.ts";
import { isUsable } from "../nftables/transaction.ts";
import type { Namespace } from "../ns/namespace.ts";
import { Errno, isSysError } from "../sys/errno.ts";

/** The socket whose kernel said so: it is asked once. */
let usable: NetlinkSocket | undefined;

/** The namespace's socket to its packet filter; undefined where the kernel has no nf_tables. */
export function findFilter(host: Namespace): NetlinkSocket | undefined {
  const socket = findNetfilter(host);
  if (socket === undefined || socket === usable) return socket;
  if (!isUsable(socket)) return undefined;
  usable = socket;
  return socket;
}

/** The same; throws where there is none, and says what for it was wanted. */
export function openFilter(host: Namespace, purpose: string): NetlinkSocket {
  const socket = findFilter(host);
  if (socket === undefined) throw new Error(`${purpose}: this kernel has no nf_tables`);
  return socket;
}

/** The namespace's socket to netfilter, whatever parts of it the kernel has; undefined where it has none. */
export function findNetfilter(host: Namespace): NetlinkSocket | undefined {
  try {
    return host.filterSocket;
  } catch (error) {
    if (isSysError(error, Errno.EPROTONOSUPPORT, Errno.EAFNOSUPPORT)) return undefined;
    throw error;
  }
}
