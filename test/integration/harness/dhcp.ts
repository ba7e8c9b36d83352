/** A DHCP daemon under test, and real servers for it, in a world. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Fd } from "../../../pkg/sys/fd.ts";
import {
  bindSocket,
  listenOn,
  openSocket,
  SocketFamily,
  SocketType,
  unixAddress,
} from "../../../pkg/sys/socket.ts";
import { describe, type Running } from "./command.ts";
import type { Host } from "./host.ts";
import type { Config } from "./networks.ts";
import { oursInWorld } from "./world.ts";

/** The network of the servers: they are on br0, which the test makes. */
export const network = { bridge: "br0", server: "10.9.0.1", prefix: "10.9.0" } as const;

/** A daemon or a server that has been started. */
export interface Service {
  readonly running: Running;
  /** Everything it has said so far. */
  said(): string;
  /** Ends it and waits for its end. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** Waits until something is there. */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  ms = 20_000,
): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    assert.ok(Date.now() < end, `waited in vain for ${what}`);
    await sleep(20);
  }
}

/** Makes br0 with the server's address, in the world's own namespace. */
export async function makeServerBridge(host: Host): Promise<void> {
  await host.run("ip", "link", "add", network.bridge, "type", "bridge");
  await host.run("ip", "addr", "add", `${network.server}/24`, "dev", network.bridge);
  await host.run("ip", "link", "set", network.bridge, "up");
}

/** Gives the namespace "c1" an interface on the servers' bridge, for dhcp called by itself. */
export async function plugContainer(host: Host): Promise<void> {
  await host.run(
    "sh",
    "-ec",
    `ip link add p0 type veth peer name eth0 netns c1
     ip link set p0 master ${network.bridge} up
     ip -n c1 link set eth0 address 02:00:00:00:00:05 up`,
  );
}

/**
 * Makes the namespace "srv" with the server's addresses, and a wire to it: its end in the world's own namespace, for
 * macvlan and ipvlan to be made on, is called w0.
 */
export async function makeServerWire(host: Host): Promise<void> {
  await host.addNetns("srv");
  await host.run(
    "sh",
    "-ec",
    `ip link add w0 type veth peer name w0 netns srv
     ip link set w0 up
     ip -n srv addr add ${network.server}/24 dev w0
     ip netns exec srv sysctl -qw net.ipv6.conf.w0.accept_dad=0
     ip -n srv addr add fd00:9::1/64 dev w0 nodad
     ip -n srv link set lo up
     ip -n srv link set w0 up`,
  );
}

/** Starts a program that is to be ended by its test; what it says goes to a file. */
export function service(host: Host, argv: readonly string[], log: string, netns?: string): Service {
  const line = `exec "$0" "$@" >${log} 2>&1`;
  const options = netns === undefined ? {} : { netns };
  const running = host.start(["sh", "-c", line, ...argv], { deadlineMs: 300_000, ...options });
  const said = () => {
    const file = host.outside(log);
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  };
  return {
    running,
    said,
    stop: async (signal = "SIGTERM") => {
      running.kill(signal);
      await running.outcome;
    },
  };
}

/** Starts our daemon, perhaps by another program such as strace, and waits until it listens. */
export async function startDaemon(
  host: Host,
  flags: readonly string[] = [],
  wrap: readonly string[] = [],
): Promise<Service> {
  const daemon = service(
    host,
    [...wrap, `${oursInWorld}/dhcp`, "daemon", ...flags],
    `/run/dhcp-${serial++}.log`,
  );
  await until("the daemon's socket", async () => {
    if (existsSync(host.outside("/run/cni/dhcp.sock")) && daemon.said().includes("listening"))
      return true;
    const ended = await Promise.race([daemon.running.outcome, sleep(1, undefined)]);
    if (ended) assert.fail(`${describe(ended)}\n${daemon.said()}`);
    return false;
  });
  return daemon;
}

let serial = 0;

export const dnsmasqLeases = "/run/dnsmasq.leases";

/** Starts dnsmasq on br0, or on an interface of another namespace. */
export async function startDnsmasq(
  host: Host,
  options: readonly string[] = [],
  { netns, link }: { netns?: string; link: string } = { link: network.bridge },
): Promise<Service> {
  const server = service(
    host,
    [
      "dnsmasq",
      "--keep-in-foreground",
      "--log-facility=-",
      "--log-dhcp",
      "--conf-file=/dev/null",
      "--port=0",
      "--no-ping",
      "--user=root",
      `--interface=${link}`,
      "--bind-interfaces",
      // The last of a repeated option counts.
      ...(options.some((option) => option.startsWith("--dhcp-leasefile"))
        ? []
        : [`--dhcp-leasefile=${dnsmasqLeases}`]),
      "--pid-file=",
      ...(options.some((option) => /^--dhcp-(range|relay)/.test(option))
        ? []
        : [`--dhcp-range=${network.prefix}.10,${network.prefix}.250,120`]),
      "--dhcp-authoritative",
      ...options,
    ],
    `/run/dnsmasq-${serial++}.log`,
    netns,
  );
  await until("dnsmasq", () => server.said().includes("started"));
  return server;
}

/** Seconds of a lease, of its first half, and until others are asked. */
export interface Times {
  readonly lease: number;
  readonly renew: number;
  readonly rebind: number;
}

/** Starts ISC's dhcpd on br0. */
export async function startIsc(host: Host, times: Times): Promise<Service> {
  const lines = [
    "authoritative;",
    "ping-check false;",
    `default-lease-time ${times.lease}; min-lease-time ${times.lease}; max-lease-time ${times.lease};`,
    `subnet ${network.prefix}.0 netmask 255.255.255.0 {`,
    `  range ${network.prefix}.10 ${network.prefix}.250;`,
    `  option routers ${network.server};`,
    '  option domain-name "isc.test"; option domain-name-servers 192.0.2.53;',
    `  option dhcp-renewal-time ${times.renew}; option dhcp-rebinding-time ${times.rebind};`,
    "}",
  ];
  host.write("/run/dhcpd.conf", lines.join("\n"));
  if (fileOf(host, iscLeases) === "") host.write(iscLeases, "");
  const argv = ["dhcpd", "-4", "-f", "-d", "--no-pid", "-cf", "/run/dhcpd.conf", "-lf", iscLeases];
  const server = service(host, [...argv, network.bridge], `/run/dhcpd-${serial++}.log`);
  await until("dhcpd", () => server.said().includes("Server starting service"));
  return server;
}

export const iscLeases = "/run/dhcpd.leases";
export const keaLeases = "/run/kea-leases.csv";

/** Starts Kea on br0, or on an interface of another namespace. */
export async function startKea(
  host: Host,
  times: Times,
  { netns, link }: { netns?: string; link: string } = { link: network.bridge },
): Promise<Service> {
  const settings = {
    "interfaces-config": { interfaces: [link] },
    "lease-database": { type: "memfile", name: keaLeases, "lfc-interval": 0 },
    "valid-lifetime": times.lease,
    "renew-timer": times.renew,
    "rebind-timer": times.rebind,
    subnet4: [
      {
        subnet: `${network.prefix}.0/24`,
        pools: [{ pool: `${network.prefix}.10 - ${network.prefix}.250` }],
        "option-data": [
          { name: "routers", data: network.server },
          { name: "domain-name-servers", data: "192.0.2.53" },
          { name: "interface-mtu", data: "1400" },
        ],
      },
    ],
    loggers: [{ name: "kea-dhcp4", output_options: [{ output: "stdout" }], severity: "INFO" }],
  };
  host.write("/run/kea/kea.conf", JSON.stringify({ Dhcp4: settings }));
  const argv = ["env", "KEA_LOCKFILE_DIR=none", "KEA_PIDFILE_DIR=/run/kea", "kea-dhcp4"];
  const log = `/run/kea-${serial++}.log`;
  const server = service(host, [...argv, "-c", "/run/kea/kea.conf"], log, netns);
  await until("kea", () => server.said().includes("DHCP4_STARTED"));
  return server;
}

/** A network whose containers are on the servers' bridge. */
export function dhcpConfig(ipam: Config = {}, changes: Config = {}): Config {
  return {
    cniVersion: "1.1.0",
    name: "net1",
    type: "bridge",
    bridge: network.bridge,
    ipam: { type: "dhcp", ...ipam },
    ...changes,
  };
}

/** A listening socket at a path; Node's own would take the connections itself. */
export function listenAt(path: string): Fd {
  const fd = openSocket(SocketFamily.unix, SocketType.stream, 0);
  bindSocket(fd, unixAddress(path) ?? assert.fail(`${path} is too long`), path);
  listenOn(fd, 16);
  return fd;
}

/** Starts a program in the world with a listening socket as its descriptor 3, as systemd does. */
export function passSocket(host: Host, { fd }: Fd, argv: readonly string[]): ChildProcess {
  const [program = "", ...args] = host.enter(argv);
  return spawn(program, args, { stdio: ["ignore", "ignore", "inherit", fd] });
}

/** What the daemon says about itself. */
export interface Status {
  readonly pid: number;
  readonly counters: Readonly<Record<string, number>>;
  readonly attachments: readonly {
    readonly containerId: string;
    readonly leases: readonly {
      readonly family: number;
      readonly phase: string;
      readonly addresses: readonly string[];
      readonly expiresIn: number | null;
      readonly server?: string;
    }[];
  }[];
}

export async function statusOf(host: Host): Promise<Status> {
  return JSON.parse(await host.run(`${oursInWorld}/dhcp`, "status"));
}

/** A server's file, empty where there is none. */
export function fileOf(host: Host, path: string): string {
  const file = host.outside(path);
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}
