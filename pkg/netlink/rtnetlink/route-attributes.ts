/** What a route is made of on the wire. */

import { type Address, fromBytes, toBytes } from "../../ip/address.ts";
import { ipAddress } from "../address-codec.ts";
import { attributes, type Codec, s32, u8, u16, u32 } from "../codec.ts";
import { struct } from "../struct.ts";
import { WireError } from "../wire.ts";
import { familyNumber } from "./family.ts";

/** struct rtmsg, linux/rtnetlink.h */
export const routeHeader = struct({
  family: u8,
  dstLength: u8,
  srcLength: u8,
  tos: u8,
  table: u8,
  protocol: u8,
  scope: u8,
  type: u8,
  flags: u32,
});

/** struct rtvia, linux/rtnetlink.h: a gateway of another family than the route's, with its family before it */
const via: Codec<Address> = {
  write(to, address) {
    u16.write(to, familyNumber(address.family), {});
    to.append(toBytes(address));
  },
  read(from, start, end) {
    const length = end - start - 2;
    if (length !== 4 && length !== 16) {
      throw new WireError(`cannot decode a gateway of ${length} bytes`);
    }
    return fromBytes(from.bytes.subarray(start + 2, end));
  },
};

/** One of several ways a route goes. */
export interface NextHop {
  readonly index: number;
  readonly gateway?: Address;
  /** Its share of the traffic. */
  readonly weight: number;
  readonly flags: number;
}

const hopAttributes = attributes({ gateway: [5, ipAddress], via: [18, via] });
const hopHeader = struct({ length: u16, flags: u8, hops: u8, index: s32 });

/** RTA_MULTIPATH: struct rtnexthop, each with attributes of its own behind it */
const nextHops: Codec<NextHop[]> = {
  write(to, hops) {
    for (const { index, gateway, weight, flags } of hops) {
      const start = to.length;
      hopHeader.put(to, { flags, hops: weight - 1, index });
      hopAttributes.write(to, { gateway }, {});
      hopHeader.field.length.set(to, start, to.length - start);
    }
  },
  read(from, start, end) {
    const hops: NextHop[] = [];
    for (let at = start; at < end; ) {
      const header = hopHeader.read(from, at, end);
      if (header.length < hopHeader.size || at + header.length > end) {
        throw new WireError(`cannot decode a next hop of ${header.length} bytes`);
      }
      const values = hopAttributes.read(from, at + hopHeader.size, at + header.length, {});
      const { index, flags } = header;
      const gateway = values.gateway ?? values.via;
      hops.push({ index, gateway, weight: header.hops + 1, flags });
      at += (header.length + 3) & ~3;
    }
    return hops;
  },
};

/** RTAX_*, linux/rtnetlink.h */
const metrics = attributes({ mtu: [2, u32], advmss: [8, u32], hopLimit: [10, u32] });

/** RTA_*, linux/rtnetlink.h */
export const routeAttributes = attributes({
  destination: [1, ipAddress],
  /** In a question: the sender. */
  from: [2, ipAddress],
  index: [4, u32],
  gateway: [5, ipAddress],
  priority: [6, u32],
  source: [7, ipAddress],
  metrics: [8, metrics],
  nextHops: [9, nextHops],
  table: [15, u32],
  via: [18, via],
});
