/** Which way to the packet filter: the kernel's nf_tables directly, or the iptables programs. */

import { NetlinkSocket, Protocol } from "../netlink/socket.ts";
import { isUsable } from "../nftables/transaction.ts";
import { isSysError } from "../sys/errno.ts";

/** Runs the work with a socket to the packet filter of the current namespace, or without where there is none. */
export function withFilter<T>(work: (socket: NetlinkSocket | undefined) => T): T {
  using socket = tryOpen();
  return work(socket !== undefined && isUsable(socket) ? socket : undefined);
}

function tryOpen(): NetlinkSocket | undefined {
  try {
    return NetlinkSocket.open(Protocol.netfilter);
  } catch (error) {
    if (isSysError(error)) return undefined;
    throw error;
  }
}
