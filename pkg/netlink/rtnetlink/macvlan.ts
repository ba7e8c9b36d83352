/** A link with a MAC address of its own on another link's wire. */

import { attributes, u16, u32, type ValueOf } from "../codec.ts";

/** IFLA_MACVLAN_*, linux/if_link.h */
export const macvlan = attributes({
  mode: [1, u32],
  flags: [2, u16],
  bcQueueLen: [7, u32],
});

export type Macvlan = ValueOf<typeof macvlan>;

/** MACVLAN_MODE_*, linux/if_link.h */
export const MacvlanMode = { private: 1, vepa: 2, bridge: 4, passthru: 8, source: 16 } as const;
