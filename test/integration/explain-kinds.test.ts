// kernel: bridge-vlan dummy ipvlan vlan vrf
/** `cnitool explain` held against ADD, for kinds of links that not every kernel has. */

import { type ExplainedCase, testExplained } from "./harness/explained.ts";
import type { Host } from "./harness/host.ts";
import { batch } from "./harness/interface-plugin.ts";
import { dualStack } from "./harness/networks.ts";

async function addMaster(host: Host): Promise<void> {
  await batch(host, "", [
    "link add lan0 type veth peer lan1",
    "link set lan1 up",
    "link set lan0 up",
  ]);
}

const onMaster = { master: "lan0", enabledad: false, ipam: dualStack };

const cases: ExplainedCase[] = [
  {
    what: "a bridge with a VLAN and its gateway",
    plugins: [{ type: "bridge", vlan: 100, isGateway: true, ipam: dualStack }],
  },
  {
    what: "a trunk",
    plugins: [
      {
        type: "bridge",
        vlan: 7,
        vlanTrunk: [{ minID: 5, maxID: 9 }, { id: 100 }],
        ipam: dualStack,
      },
    ],
  },
  {
    what: "a VLAN's interface",
    prepare: addMaster,
    plugins: [{ type: "vlan", vlanId: 100, mtu: 1400, ...onMaster }],
  },
  {
    what: "an ipvlan",
    prepare: addMaster,
    plugins: [{ type: "ipvlan", mode: "l3", ...onMaster }],
  },
  {
    what: "a VRF",
    prepare: addMaster,
    plugins: [
      {
        type: "macvlan",
        ...onMaster,
        ipam: { ...dualStack, routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }] },
      },
      { type: "vrf", vrfname: "blue" },
    ],
    names: { TABLE: "1" },
  },
  { what: "a dummy", plugins: [{ type: "dummy", ipam: dualStack }] },
];

testExplained(cases);
