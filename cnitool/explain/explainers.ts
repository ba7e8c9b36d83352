/** Which plugins can be explained. A further one is a function from its configuration to lines, and an entry here. */

import { explainBridge } from "./bridge.ts";
import { explainDebug, explainSbr, explainTuning } from "./chained.ts";
import { explainHostDevice, explainLoopback, explainTap } from "./device.ts";
import type { Explainer } from "./lines.ts";
import { explainDummy, explainIpvlan, explainMacvlan, explainVlan } from "./on-master.ts";
import { explainPair } from "./pair.ts";
import { explainPortmap } from "./portmap.ts";

/** By type. */
export const explainers: Readonly<Record<string, Explainer>> = {
  bridge: explainBridge,
  debug: explainDebug,
  dummy: explainDummy,
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
};
