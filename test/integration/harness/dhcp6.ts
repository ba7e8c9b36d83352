/** IPv6 servers and routers on br0. */

import { fileOf, network, type Service, service, startDnsmasq, until } from "./dhcp.ts";
import type { Host } from "./host.ts";

/** The network of the servers. */
export const network6 = { server: "fd00:9::1", prefix: "fd00:9::/64" } as const;

/** A MAC address of br0, and what its routers call themselves then. */
export const bridge6 = { mac: "02:00:00:00:00:01", router: "fe80::ff:fe00:1" } as const;

/**
 * Makes br0 with the server's address. With a MAC address given it is not running before it has a port, which is what
 * some servers wait for.
 */
export async function makeServerBridge6(host: Host, mac?: string): Promise<void> {
  const address = mac === undefined ? [] : ["address", mac];
  await host.run("ip", "link", "add", network.bridge, ...address, "type", "bridge");
  // Its own address is usable at once: servers answer from it.
  await host.run("sysctl", "-qw", `net.ipv6.conf.${network.bridge}.accept_dad=0`);
  await host.run("ip", "addr", "add", `${network6.server}/64`, "dev", network.bridge, "nodad");
  await host.run("ip", "link", "set", network.bridge, "up");
}

/** Starts dnsmasq on br0 with DHCPv6 and advertisements. */
export function startDnsmasq6(
  host: Host,
  options: readonly string[] = [],
  range = "fd00:9::10,fd00:9::ff,64,120",
): Promise<Service> {
  return startDnsmasq(host, [`--dhcp-range=${range}`, "--enable-ra", ...options]);
}

/** Seconds of a lease, and of its first half. */
export interface Times6 {
  readonly lease: number;
  readonly renew: number;
  readonly rebind: number;
}

const pool = { first: "fd00:9::1000", last: "fd00:9::1fff" } as const;

/**
 * Starts Kea's server for IPv6 on br0; it answers one message each way where asked to. Of another identifier it is
 * another server, with the leases of the first.
 */
export async function startKea6(host: Host, times: Times6, identifier = "01"): Promise<Service> {
  const settings = {
    "interfaces-config": { interfaces: [network.bridge] },
    "lease-database": { type: "memfile", name: kea6Leases, "lfc-interval": 0 },
    "server-id": { type: "EN", "enterprise-id": 32473, identifier, persist: false },
    "valid-lifetime": times.lease,
    "preferred-lifetime": times.lease,
    "renew-timer": times.renew,
    "rebind-timer": times.rebind,
    subnet6: [
      {
        subnet: network6.prefix,
        interface: network.bridge,
        "rapid-commit": true,
        pools: [{ pool: `${pool.first} - ${pool.last}` }],
        "option-data": [{ name: "dns-servers", data: "fd00:9::54" }],
      },
    ],
    loggers: [{ name: "kea-dhcp6", output_options: [{ output: "stdout" }], severity: "INFO" }],
  };
  host.write("/run/kea/kea6.conf", JSON.stringify({ Dhcp6: settings }));
  const argv = ["env", "KEA_LOCKFILE_DIR=none", "KEA_PIDFILE_DIR=/run/kea", "kea-dhcp6"];
  const server = service(
    host,
    [...argv, "-c", "/run/kea/kea6.conf"],
    `/run/kea6-${identifier}.log`,
  );
  await until("kea", () => server.said().includes("DHCP6_STARTED"));
  return server;
}

export const kea6Leases = "/run/kea-leases6.csv";

/** Starts ISC's server for IPv6 on br0. */
export async function startIsc6(host: Host, times: Times6): Promise<Service> {
  const lines = [
    "authoritative;",
    `default-lease-time ${times.lease}; preferred-lifetime ${times.lease};`,
    `option dhcp-renewal-time ${times.renew}; option dhcp-rebinding-time ${times.rebind};`,
    `subnet6 ${network6.prefix} { range6 ${pool.first} ${pool.last}; }`,
  ];
  host.write("/run/dhcpd6.conf", lines.join("\n"));
  if (fileOf(host, isc6Leases) === "") host.write(isc6Leases, "");
  const argv = [
    "dhcpd",
    "-6",
    "-f",
    "-d",
    "--no-pid",
    "-cf",
    "/run/dhcpd6.conf",
    "-lf",
    isc6Leases,
  ];
  const server = service(host, [...argv, network.bridge], "/run/dhcpd6.log");
  await until("dhcpd", () => server.said().includes("Server starting service"));
  return server;
}

export const isc6Leases = "/run/dhcpd6.leases";
