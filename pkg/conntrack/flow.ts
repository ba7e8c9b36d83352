/** Connections as the kernel tracks them, read and forgotten over ctnetlink. */

import type { Address, Family } from "../ip/address.ts";
import { ipAddress } from "../netlink/address-codec.ts";
import { attributes, be16, be32, flagged, u8, u32, type ValueOf } from "../netlink/codec.ts";
import type { Request } from "../netlink/message.ts";
import { FilterFamily, filterHeader, messageType, Subsystem } from "../netlink/nfnetlink.ts";

/** IPCTNL_MSG_CT_*, linux/netfilter/nfnetlink_conntrack.h */
const Message = { get: 1, delete: 2, count: 5 } as const;

/** CTA_IP_*, linux/netfilter/nfnetlink_conntrack.h */
const addresses = attributes({
  source4: [1, ipAddress],
  destination4: [2, ipAddress],
  source6: [3, ipAddress],
  destination6: [4, ipAddress],
});

/** CTA_PROTO_*, linux/netfilter/nfnetlink_conntrack.h */
const ports = attributes({
  protocol: [1, u8],
  source: [2, be16],
  destination: [3, be16],
});

/** CTA_TUPLE_*, linux/netfilter/nfnetlink_conntrack.h */
const tuple = attributes({
  addresses: [1, flagged(addresses)],
  ports: [2, flagged(ports)],
});

/** CTA_FILTER_*, linux/netfilter/nfnetlink_conntrack.h */
const filter = attributes({ original: [1, u32], reply: [2, u32] });

/** CTA_*, linux/netfilter/nfnetlink_conntrack.h */
const flowAttributes = attributes({
  original: [1, flagged(tuple)],
  reply: [2, flagged(tuple)],
  id: [12, be32],
  zone: [18, be16],
  filter: [25, flagged(filter)],
});

/** CTA_FILTER_FLAG(...), net/netfilter/nf_conntrack_netlink.c */
const FilterFlag = { protocol: 1 << 3, destinationPort: 1 << 5 } as const;

/** One direction of a connection. */
export interface Direction {
  readonly source: Address;
  readonly destination: Address;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/** A connection: as it was opened, and as its answers come, translated if it is. */
export interface Flow {
  readonly protocol: number;
  readonly original: Direction;
  readonly reply: Direction;
  /** Tells it from another that is in its place later; only ctnetlink knows it. */
  readonly id?: number;
  readonly zone?: number;
}

/** Connections to look for: of each family those that were opened to any of these ports. */
export interface Sought {
  readonly protocol: number;
  readonly ports: Readonly<Record<Family, readonly Ports[]>>;
}

/** A set of ports, or a map from them. */
export type Ports = Pick<ReadonlySet<number>, "has" | "keys" | "size">;

/** Whether a connection of that family to that port is one of them. */
export function isMeant({ ports }: Sought, family: Family, port: number): boolean {
  return ports[family].some((some) => some.has(port));
}

/** Which connections to list. */
export interface FlowFilter {
  readonly family: Family;
  readonly protocol: number;
  /** As the connection was opened. */
  readonly destinationPort?: number;
}

/** CTA_STATS_GLOBAL_*, linux/netfilter/nfnetlink_conntrack.h */
const totals = attributes({ entries: [1, be32] });

/** How many connections the namespace has. To list them the kernel goes through its whole table even where there is none. */
export function countFlows(): Request<number> {
  return {
    purpose: "count connections",
    type: messageType(Subsystem.conntrack, Message.count),
    flags: 0,
    write: (to) => filterHeader.put(to, {}),
    read: (from, start, end) =>
      totals.read(from, start + filterHeader.size, end, {}).entries ?? Number.POSITIVE_INFINITY,
  };
}

/** Lists connections: for NetlinkSocket.dump. Kernels before 5.8 send all there are, which are passed over here. */
export function dumpFlows(wanted: FlowFilter): Request<Flow | undefined> {
  const { family, protocol, destinationPort } = wanted;
  const flags =
    FilterFlag.protocol | (destinationPort === undefined ? 0 : FilterFlag.destinationPort);
  return {
    purpose: "list connections",
    type: messageType(Subsystem.conntrack, Message.get),
    flags: 0,
    write(to) {
      filterHeader.put(to, { family: familyNumber(family) });
      const selected = { ports: { protocol, destination: destinationPort } };
      flowAttributes.write(to, { original: selected, filter: { original: flags, reply: 0 } }, {});
    },
    read(from, start, end) {
      const values = flowAttributes.read(from, start + filterHeader.size, end, {});
      const { original, reply, id, zone } = values;
      const there = directionOf(original);
      const back = directionOf(reply);
      if (there === undefined || back === undefined) return undefined;
      if (original?.ports?.protocol !== protocol || there.source.family !== family)
        return undefined;
      if (destinationPort !== undefined && there.destinationPort !== destinationPort) {
        return undefined;
      }
      return { protocol, original: there, reply: back, id, zone };
    },
  };
}

/** Forgets a connection; fails with ENOENT where it is gone, or its id says that another is in its place. */
export function deleteFlow({ protocol, original, id, zone }: Flow): Request {
  const { source, destination, sourcePort, destinationPort } = original;
  return {
    purpose: "delete connection",
    type: messageType(Subsystem.conntrack, Message.delete),
    flags: 0,
    write(to) {
      filterHeader.put(to, { family: familyNumber(source.family) });
      const ends =
        source.family === 4
          ? { source4: source, destination4: destination }
          : { source6: source, destination6: destination };
      const numbers = { protocol, source: sourcePort, destination: destinationPort };
      flowAttributes.write(to, { original: { addresses: ends, ports: numbers }, id, zone }, {});
    },
  };
}

function directionOf(values: ValueOf<typeof tuple> | undefined): Direction | undefined {
  const { addresses: ends, ports: numbers } = values ?? {};
  const source = ends?.source4 ?? ends?.source6;
  const destination = ends?.destination4 ?? ends?.destination6;
  if (source === undefined || destination === undefined) return undefined;
  const { source: sourcePort = 0, destination: destinationPort = 0 } = numbers ?? {};
  return { source, destination, sourcePort, destinationPort };
}

function familyNumber(family: Family): number {
  return family === 4 ? FilterFamily.ipv4 : FilterFamily.ipv6;
}
