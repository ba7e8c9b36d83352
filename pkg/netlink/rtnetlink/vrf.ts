/** A master whose ports use a routing table of their own. */

import { attributes, u32, type ValueOf } from "../codec.ts";

/** IFLA_VRF_*, linux/if_link.h */
export const vrf = attributes({
  table: [1, u32],
});

export type Vrf = ValueOf<typeof vrf>;

/** IFLA_VRF_PORT_*, linux/if_link.h: what a port of one tells of it */
export const vrfPort = attributes({
  table: [1, u32],
});
