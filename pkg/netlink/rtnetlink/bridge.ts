/** A bridge, and what a link is as its port. */

import { attributes, be16, boolean, u8, u16, u32, type ValueOf } from "../codec.ts";

/** IFLA_BR_*, linux/if_link.h; times in hundredths of a second */
export const bridge = attributes({
  forwardDelay: [1, u32],
  helloTime: [2, u32],
  maxAge: [3, u32],
  ageingTime: [4, u32],
  stpState: [5, u32],
  priority: [6, u16],
  vlanFiltering: [7, boolean],
  vlanProtocol: [8, be16],
  groupFwdMask: [9, u16],
  mcastRouter: [22, u8],
  mcastSnooping: [23, boolean],
  mcastQuerier: [25, boolean],
  nfCallIptables: [36, boolean],
  nfCallIp6tables: [37, boolean],
  nfCallArptables: [38, boolean],
  vlanDefaultPvid: [39, u16],
  vlanStatsEnabled: [41, boolean],
});

export type Bridge = ValueOf<typeof bridge>;

/** IFLA_BRPORT_*, linux/if_link.h */
export const bridgePort = attributes({
  state: [1, u8],
  priority: [2, u16],
  cost: [3, u32],
  hairpin: [4, boolean],
  guard: [5, boolean],
  rootBlock: [6, boolean],
  fastLeave: [7, boolean],
  learning: [8, boolean],
  flood: [9, boolean],
  proxyArp: [10, boolean],
  proxyArpWifi: [12, boolean],
  mcastRouter: [25, u8],
  mcastFlood: [27, boolean],
  mcastToUnicast: [28, boolean],
  vlanTunnel: [29, boolean],
  bcastFlood: [30, boolean],
  groupFwdMask: [31, u16],
  neighSuppress: [32, boolean],
  isolated: [33, boolean],
  locked: [39, boolean],
});

export type BridgePort = ValueOf<typeof bridgePort>;

/** BR_STATE_*, linux/if_bridge.h */
export const PortState = {
  disabled: 0,
  listening: 1,
  learning: 2,
  forwarding: 3,
  blocking: 4,
} as const;
