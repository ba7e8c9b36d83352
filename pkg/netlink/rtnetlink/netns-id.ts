/** The numbers by which a network namespace knows others. */

import { attributes, s32, u8, u32 } from "../codec.ts";
import type { Request } from "../message.ts";
import { struct } from "../struct.ts";

/** RTM_GETNSID, linux/rtnetlink.h */
const getType = 90;

/** struct rtgenmsg, linux/rtnetlink.h, to the next four-byte bound */
const header = struct({ family: u8, pad: u8, padToo: u8, padThree: u8 });

/** NETNSA_*, linux/net_namespace.h */
const netnsAttributes = attributes({ id: [1, s32], fd: [3, u32] });

/** Asks which number the namespace of a descriptor has here: what linkNetnsId of a link says. Undefined without one. */
export function getNetnsId(fd: number): Request<number | undefined> {
  return {
    purpose: "find number of network namespace",
    type: getType,
    flags: 0,
    write(to) {
      header.put(to, {});
      netnsAttributes.write(to, { fd }, {});
    },
    read(from, start, end) {
      const { id } = netnsAttributes.read(from, start + header.size, end, {});
      return id === undefined || id < 0 ? undefined : id;
    },
  };
}
