/** A link that shares its parent's MAC address and has IP addresses of its own. */

import { attributes, u16, type ValueOf } from "../codec.ts";

/** IFLA_IPVLAN_*, linux/if_link.h */
export const ipvlan = attributes({
  mode: [1, u16],
  flags: [2, u16],
});

export type Ipvlan = ValueOf<typeof ipvlan>;

/** IPVLAN_MODE_*, linux/if_link.h */
export const IpvlanMode = { l2: 0, l3: 1, l3s: 2 } as const;

/** IPVLAN_F_*, linux/if_link.h */
export const IpvlanFlag = { private: 1, vepa: 2 } as const;
