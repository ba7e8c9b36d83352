// kernel: tun
/** Either suite's cnitool on the other's plugins, each plugin in every version it speaks. */

import { existsSync } from "node:fs";
import { makeServerBridge, network, service, startDnsmasq, until } from "./harness/dhcp.ts";
import type { Host } from "./harness/host.ts";
import { bridge, fixed, ipam, testPairings } from "./harness/pairings.ts";

/** A DHCP server on a bridge, and the daemon of the suite whose plugins are called. */
async function serveDhcp(host: Host, executables: string): Promise<() => Promise<void>> {
  await makeServerBridge(host);
  const server = await startDnsmasq(host);
  const daemon = service(host, [`${executables}/dhcp`, "daemon"], "/run/dhcp.log");
  await until("the daemon's socket", () => existsSync(host.outside("/run/cni/dhcp.sock")));
  return async () => {
    await daemon.stop();
    await server.stop();
  };
}

testPairings({
  ptp: { plugins: [{ type: "ptp", ipam }] },
  macvlan: { plugins: [{ type: "macvlan", master: "lan0", ipam: fixed }] },
  tap: { plugins: [{ type: "tap", ipam }] },
  dhcp: {
    plugins: [{ type: "bridge", bridge: network.bridge, ipam: { type: "dhcp" } }],
    serve: serveDhcp,
  },
  "host-device": {
    plugins: [{ type: "host-device", device: "dev0", ipam: fixed }],
    reference: "a second DEL fails",
  },
  loopback: { plugins: [{ type: "loopback" }] },
  tuning: {
    plugins: [bridge, { type: "tuning", sysctl: { "net.core.somaxconn": "500" }, mtu: 1400 }],
  },
  portmap: {
    plugins: [bridge, { type: "portmap", capabilities: { portMappings: true } }],
    capabilities: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] },
  },
  firewall: { plugins: [bridge, { type: "firewall", backend: "iptables" }], from: "0.4.0" },
  // Older results do not tell whose an address is.
  sbr: {
    plugins: [bridge, { type: "sbr" }],
    from: "0.3.0",
    reference: "its CHECK fails after its own ADD",
  },
  bandwidth: {
    plugins: [bridge, { type: "bandwidth", ingressRate: 8_000_000, ingressBurst: 800_000 }],
    from: "0.3.0",
  },
});
