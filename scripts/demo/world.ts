/** The demo's containers: what they are given, how their plugins are called, and what can be seen of them. */

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { measure } from "../bench/launch.ts";
import type { Step } from "../bench/plan.ts";

const bin = resolve(import.meta.dirname, "../../dist/bin");
/** Inside the private /run that the demo was given. */
const dataDir = "/run/demo/networks";

export const bridgeName = "demo0";
export const containers = ["web", "db"] as const;
export type Container = (typeof containers)[number];

const loopbackNetwork = { cniVersion: "1.0.0", name: "lo", type: "loopback" };

export const network = {
  cniVersion: "1.0.0",
  name: "demo",
  type: "bridge",
  bridge: bridgeName,
  isDefaultGateway: true,
  ipam: {
    type: "host-local",
    dataDir,
    ranges: [[{ subnet: "10.77.0.0/24" }], [{ subnet: "fd00:77::/64" }]],
  },
};

/** An ADD's result, as far as the demo shows it. */
export interface Attachment {
  readonly interfaces: readonly { name: string; mac: string; sandbox?: string }[];
  readonly ips: readonly { address: string; gateway: string; interface: number }[];
  readonly routes: readonly { dst: string; gw: string }[];
}

/** Calls a plugin; its output, and how long it took from start to exit. */
function call(
  command: string,
  container: Container,
  plugin: "loopback" | "bridge",
  more: object = {},
): { stdout: string; ms: number } {
  const step: Step = {
    label: command,
    path: join(bin, plugin),
    env: {
      CNI_COMMAND: command,
      CNI_CONTAINERID: `demo-${container}`,
      CNI_NETNS: `/run/netns/${container}`,
      CNI_IFNAME: plugin === "loopback" ? "lo" : "eth0",
      CNI_PATH: bin,
    },
    config: { ...(plugin === "loopback" ? loopbackNetwork : network), ...more },
  };
  const { times, outputs } = measure({
    kind: "rounds",
    alternatives: [[step]],
    warmUp: 0,
    rounds: 1,
    limitMs: 60_000,
  });
  return { stdout: outputs[command]?.[0] ?? "", ms: times[command]?.[0] ?? Number.NaN };
}

/** What the two plugins printed for a container, and how long each took. */
export interface Attached {
  readonly loopback: object;
  readonly bridge: Attachment;
  readonly ms: { readonly loopback: number; readonly bridge: number };
}

/** Attaches a container through both plugins, as a runtime does. */
export function attach(container: Container): Attached {
  run("ip", "netns", "add", container);
  const loopback = call("ADD", container, "loopback");
  const bridge = call("ADD", container, "bridge");
  return {
    loopback: JSON.parse(loopback.stdout),
    bridge: JSON.parse(bridge.stdout),
    ms: { loopback: loopback.ms, bridge: bridge.ms },
  };
}

/** CHECK of both plugins with what ADD printed; throws if one finds fault. How long both took. */
export function check(container: Container, { loopback, bridge }: Attached): number {
  const first = call("CHECK", container, "loopback", { prevResult: loopback });
  return first.ms + call("CHECK", container, "bridge", { prevResult: bridge }).ms;
}

/** DEL through both plugins; how long both took. */
export function detach(container: Container): number {
  const { ms } = call("DEL", container, "bridge");
  return ms + call("DEL", container, "loopback").ms;
}

/** The executables that the demo uses, with their sizes. */
export function executables(): { name: string; bytes: number }[] {
  return ["loopback", "bridge", "host-local"].map((plugin) => ({
    name: `dist/bin/${plugin}`,
    bytes: statSync(join(bin, plugin)).size,
  }));
}

/** Removes what is not the plugins' to remove. */
export function cleanUp(): void {
  for (const container of containers) run("ip", "netns", "delete", container);
  run("ip", "link", "delete", bridgeName);
}

/** Runs a program; its output. */
export function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** Runs a program of the `ip -j` kind. */
export function json<T>(program: string, ...args: string[]): T {
  return JSON.parse(run(program, ...args) || "[]");
}

/** Round-trip time of the first answer in milliseconds; throws if none comes within five seconds. */
export function ping(from: Container, to: string): number {
  // Several tries: a new IPv6 address answers only once the kernel is sure that nobody else has it.
  const ping = ["ping", "-n", "-c", "1", "-i", "0.2", "-w", "5", to];
  const output = run("ip", "netns", "exec", from, ...ping);
  return Number(/time=([0-9.]+) ms/.exec(output)?.[1]);
}

/** Reservation files that are there: one for each address. */
export function reservations(): string[] {
  const folder = join(dataDir, network.name);
  return existsSync(folder)
    ? readdirSync(folder).filter((name) => /^[0-9a-f]+[.:]/.test(name))
    : [];
}
