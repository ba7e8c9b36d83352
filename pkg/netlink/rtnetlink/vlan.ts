/** A link for one VLAN of another. */

import { attributes, be16, u16, u32, type ValueOf } from "../codec.ts";
import { struct } from "../struct.ts";

/** IFLA_VLAN_*, linux/if_link.h */
export const vlan = attributes({
  id: [1, u16],
  /** struct ifla_vlan_flags */
  flags: [2, struct({ flags: u32, mask: u32 })],
  protocol: [5, be16],
});

export type Vlan = ValueOf<typeof vlan>;

/** ETH_P_*, linux/if_ether.h */
export const VlanProtocol = { dot1q: 0x8100, dot1ad: 0x88a8 } as const;
