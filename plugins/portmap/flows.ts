/**
 * UDP has no end of connection: a client that keeps sending keeps the kernel's entry alive, and with it the old
 * way, to nowhere or to a container that is gone. So the entries of published ports are forgotten.
 */

import { findFlows } from "../../pkg/conntrack/find.ts";
import { deleteFlow, type Flow } from "../../pkg/conntrack/flow.ts";
import { type Address, type Family, formatAddress, sameAddress } from "../../pkg/ip/address.ts";
import { isNetlinkError } from "../../pkg/netlink/error.ts";
import { getRoute, RouteType } from "../../pkg/netlink/rtnetlink/route.ts";
import type { NetlinkSocket } from "../../pkg/netlink/socket.ts";
import { IpProtocol } from "../../pkg/nftables/match.ts";
import type { Namespace } from "../../pkg/ns/namespace.ts";
import { Errno } from "../../pkg/sys/errno.ts";
import type { Forward, Publication, Targets } from "./mapping.ts";
import { concerns, sameHostIP } from "./mapping.ts";

/** After ADD: forgets what came to the ports before and went elsewhere. Flows to other hosts are left alone. */
export function forgetOld(
  socket: NetlinkSocket,
  host: Namespace,
  list: readonly Publication[],
  targets: Targets,
): void {
  const forwards: Forward[] = [];
  for (const publication of list) {
    if (publication.protocol !== IpProtocol.udp) continue;
    for (const target of Object.values(targets)) {
      if (!concerns(publication, target.address.family)) continue;
      forwards.push({ ...publication, target: target.address });
    }
  }
  const isLocal = localTest(host);
  forget(socket, forwards, (forward, flow) => {
    const { destination } = flow.original;
    const isMeant =
      forward.hostIP === undefined
        ? isLocal(destination)
        : sameAddress(forward.hostIP, destination);
    return isMeant && !leadsTo(flow, forward);
  });
}

/** After DEL and GC: forgets what went to the container through the ports it had. */
export function forgetGone(socket: NetlinkSocket, forwards: readonly Forward[]): void {
  forget(socket, forwards, (forward, flow) => {
    const { destination } = flow.original;
    const isMeant = forward.hostIP === undefined || sameHostIP(forward.hostIP, destination);
    return isMeant && leadsTo(flow, forward);
  });
}

function leadsTo({ original, reply }: Flow, { target, ports }: Forward): boolean {
  const containerPort = ports.get(original.destinationPort);
  return sameAddress(reply.source, target) && reply.sourcePort === containerPort;
}

function forget(
  socket: NetlinkSocket,
  forwards: readonly Forward[],
  isStale: (forward: Forward, flow: Flow) => boolean,
): void {
  const udp = forwards.filter(({ protocol }) => protocol === IpProtocol.udp);
  if (udp.length === 0) return;
  const portsOf = (family: Family) =>
    udp.filter(({ target }) => target.family === family).map(({ ports }) => ports);
  const sought = { protocol: IpProtocol.udp, ports: { 4: portsOf(4), 6: portsOf(6) } };
  for (const flow of findFlows(socket, sought)) {
    const { destination, destinationPort } = flow.original;
    const isOld = udp.some(
      (forward) =>
        forward.target.family === destination.family &&
        forward.ports.has(destinationPort) &&
        isStale(forward, flow),
    );
    if (isOld) forgetOne(socket, flow);
  }
}

function forgetOne(socket: NetlinkSocket, flow: Flow): void {
  try {
    socket.send(deleteFlow(flow));
  } catch (error) {
    if (!isNetlinkError(error, Errno.ENOENT)) throw error;
  }
}

/** Asks the routing tables once for each address whether it is the host's own. */
function localTest(host: Namespace): (address: Address) => boolean {
  const known = new Map<string, boolean>();
  return (address) => {
    const text = formatAddress(address);
    const answer = known.get(text) ?? isLocal(host, address);
    known.set(text, answer);
    return answer;
  };
}

function isLocal(host: Namespace, to: Address): boolean {
  try {
    return host.send(getRoute({ to }))[0]?.type === RouteType.local;
  } catch (error) {
    if (isNetlinkError(error)) return false; // no route at all
    throw error;
  }
}
