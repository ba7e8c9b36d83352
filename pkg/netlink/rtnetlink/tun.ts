/** A link whose wire is a file descriptor. The kernel makes them by ioctl only; this reads them. */

import { attributes, boolean, u8, u32, type ValueOf } from "../codec.ts";

/** IFLA_TUN_*, linux/if_link.h */
export const tun = attributes({
  owner: [1, u32],
  group: [2, u32],
  type: [3, u8],
  packetInfo: [4, boolean],
  vnetHeader: [5, boolean],
  persist: [6, boolean],
  multiQueue: [7, boolean],
});

export type Tun = ValueOf<typeof tun>;

/** IFF_TUN and IFF_TAP, linux/if_tun.h */
export const TunType = { tun: 1, tap: 2 } as const;
