/** A DHCP daemon under test, and real servers for it, in a world. */

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
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
  ms = 10_000,
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

function service(host: Host, argv: readonly string[], log: string): Service {
  const line = `exec "$0" "$@" >${log} 2>&1`;
  const running = host.start(["sh", "-c", line, ...argv], { deadlineMs: 300_000 });
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

/** Starts our daemon and waits until it listens. */
export async function startDaemon(
  host: Host,
  flags: readonly string[] = [],
  from = oursInWorld,
): Promise<Service> {
  const daemon = service(host, [`${from}/dhcp`, "daemon", ...flags], `/run/dhcp-${serial++}.log`);
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

/** Starts dnsmasq on br0. */
export async function startDnsmasq(host: Host, options: readonly string[] = []): Promise<Service> {
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
      `--interface=${network.bridge}`,
      "--bind-interfaces",
      `--dhcp-leasefile=${dnsmasqLeases}`,
      "--pid-file=",
      `--dhcp-range=${network.prefix}.10,${network.prefix}.250,120`,
      "--dhcp-authoritative",
      ...options,
    ],
    `/run/dnsmasq-${serial++}.log`,
  );
  await until("dnsmasq", () => server.said().includes("started"));
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
