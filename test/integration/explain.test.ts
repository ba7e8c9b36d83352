// kernel: tun
/** `cnitool explain` held against ADD. */

import { type ExplainedCase, testExplained } from "./harness/explained.ts";
import type { Host } from "./harness/host.ts";
import { batch } from "./harness/interface-plugin.ts";
import { type Config, dualStack } from "./harness/networks.ts";

const routes = [{ dst: "0.0.0.0/0" }, { dst: "::/0" }, { dst: "10.9.0.0/16", priority: 7 }];
const routed: Config = { ...dualStack, routes };
const fixed: Config = {
  type: "static",
  addresses: [{ address: "192.168.1.5/24", gateway: "192.168.1.1" }, { address: "fd01::5/64" }],
  routes: [
    { dst: "0.0.0.0/0" },
    { dst: "10.9.0.0/16", gw: "192.168.1.9", mtu: 1300, advmss: 1200 },
  ],
};

async function addMaster(host: Host): Promise<void> {
  await host.addNetns("lan");
  await batch(host, "", ["link add lan0 type veth peer eth0 netns lan", "link set lan0 up"]);
  await host.run("ip", "-n", "lan", "link", "set", "eth0", "up");
}

const portMappings = [
  { hostPort: 8080, containerPort: 80, protocol: "tcp", range: 2 },
  { hostPort: 53, containerPort: 53, protocol: "udp", hostIP: "127.0.0.1" },
];
const portmap = { type: "portmap", capabilities: { portMappings: true } };

const cases: ExplainedCase[] = [
  {
    what: "a bridge that is the gateway, with masquerading and a spoof check",
    plugins: [
      {
        type: "bridge",
        bridge: "br0",
        isDefaultGateway: true,
        hairpinMode: true,
        mtu: 1400,
        ipMasq: true,
        macspoofchk: true,
        args: { cni: { mac: "0a:00:00:00:00:07" } },
        ipam: dualStack,
      },
    ],
  },
  {
    what: "a bridge with isolated ports and static addresses",
    plugins: [
      { type: "bridge", isGateway: true, portIsolation: true, promiscMode: true, ipam: fixed },
    ],
  },
  { what: "a bridge without addresses", plugins: [{ type: "bridge" }] },
  {
    what: "a routed pair with masquerading",
    plugins: [{ type: "ptp", mtu: 1400, ipMasq: true, ipam: routed }],
  },
  {
    what: "a macvlan",
    prepare: addMaster,
    plugins: [
      { type: "macvlan", master: "lan0", mode: "vepa", mtu: 1300, enabledad: false, ipam: fixed },
    ],
  },
  {
    what: "a device of the host's",
    prepare: addMaster,
    plugins: [{ type: "host-device", device: "lan0", enabledad: false, ipam: fixed }],
  },
  {
    what: "a tap with an owner",
    plugins: [{ type: "tap", multiQueue: true, owner: 107, group: 108, mtu: 1400, ipam: routed }],
  },
  { what: "the loopback", plugins: [{ type: "loopback" }] },
  {
    what: "published ports behind a bridge",
    plugins: [{ type: "bridge", isGateway: true, hairpinMode: true, ipam: dualStack }, portmap],
    capabilities: { portMappings },
  },
  {
    what: "published ports that hide who speaks",
    plugins: [
      { type: "bridge", isGateway: true, ipam: { type: "host-local", subnet: "10.1.0.0/24" } },
      { ...portmap, masqAll: true, conditionsV4: ["ip saddr != 10.7.0.0/16"] },
    ],
    capabilities: { portMappings },
  },
  {
    what: "kernel parameters and link settings",
    plugins: [
      { type: "bridge", ipam: dualStack },
      {
        type: "tuning",
        sysctl: { "net.core.somaxconn": "500", "net.ipv4.conf.IFNAME.arp_filter": "1" },
        mac: "0a:00:00:00:00:08",
        mtu: 1300,
        promisc: true,
        allmulti: true,
        txQLen: 77,
      },
    ],
  },
  {
    what: "a routing table for the container's addresses",
    prepare: addMaster,
    plugins: [
      { type: "macvlan", master: "lan0", enabledad: false, ipam: fixed },
      { type: "sbr", rulePriority: 500 },
    ],
    names: { TABLE: "100" },
  },
  {
    what: "limits on the host's end of a pair",
    plugins: [
      { type: "bridge", mtu: 1400, ipam: dualStack },
      { type: "bandwidth", ingressRate: 8_000_000, egressRate: 800_000, egressBurst: 400_000 },
    ],
  },
  {
    what: "limits of the runtime's, inside the container",
    prepare: addMaster,
    plugins: [
      { type: "macvlan", master: "lan0", enabledad: false, ipam: fixed },
      { type: "bandwidth", capabilities: { bandwidth: true } },
    ],
    capabilities: { bandwidth: { ingressRate: 8_000_000, egressRate: 80_000_000 } },
  },
  ...["iptables", "nftables"].flatMap((backend) =>
    ["open", "same-bridge", "isolated"].map((ingressPolicy) => ({
      what: `a firewall by ${backend}, ${ingressPolicy}`,
      plugins: [
        { type: "bridge", bridge: "br0", ipam: dualStack },
        { type: "firewall", backend, ingressPolicy },
      ],
    })),
  ),
];

testExplained(cases);
