/** Which plugins can be explained. A further one is a function from its configuration to lines, and an entry here. */

import { explainBandwidth } from "./bandwidth.ts";
import { explainBridge } from "./bridge.ts";
import { explainDebug, explainSbr, explainTuning, explainVrf } from "./chained.ts";
import { explainHostDevice, explainLoopback, explainTap } from "./device.ts";
import { explainFirewall } from "./firewall.ts";
import type { Explainer } from "./lines.ts";
import { explainDummy, explainIpvlan, explainMacvlan, explainVlan } from "./on-master.ts";
import { explainPair } from "./pair.ts";
import { explainPortmap } from "./portmap.ts";

/** By type. */
export const explainers: Readonly<Record<string, Explainer>> = {
  bandwidth: explainBandwidth,
  bridge: explainBridge,
  debug: explainDebug,
  dummy: explainDummy,
  firewall: explainFirewall,
  "host-device": explainHostDevice,
  ipvlan: explainIpvlan,
  loopback: explainLoopback,
  macvlan: explainMacvlan,
  portmap: explainPortmap,
  ptp: explainPair,
  sbr: explainSbr,
  tap: explainTap,
  tuning: explainTuning,
  veth: explainPair,
  vlan: explainVlan,
  vrf: explainVrf,
};
