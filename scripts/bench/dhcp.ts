/** dhcp and its daemon: how long a lease takes, and what keeping a hundred of them takes. dnsmasq is the server. */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { run } from "./counts.ts";
import { measure } from "./launch.ts";
import type { Step } from "./plan.ts";
import { type Effort, type Row, shareOf, timeRow } from "./rows.ts";
import { callOf, ours, reference, type Suite, suites } from "./suites.ts";

const container = "lease";
const bridge = "benchdhcp";
const server = "10.77.0.1";
/** Interfaces in the container, one for each lease. */
const leases = 100;

function socketOf({ name }: Suite): string {
  return `/run/bench/${name}.sock`;
}

/** What is particular to a call: the interface, and for ours keys that the reference has not. */
interface Particulars {
  readonly link: string;
  readonly more?: object;
  readonly label?: string;
}

function stepOf(suite: Suite, verb: string, { link, more, label }: Particulars): Step {
  const ipam = { type: "dhcp", daemonSocketPath: socketOf(suite), ...more };
  const config = { cniVersion: "1.0.0", name: `dhcp${suite.number}`, ipam };
  const step = callOf(suite, verb, { plugin: "dhcp", container, config });
  const env = { ...step.env, CNI_IFNAME: link, CNI_CONTAINERID: `${container}-${suite.name}` };
  return { ...step, label: label ?? step.label, env };
}

/** Runs the steps while there is a server, and a daemon of each suite. */
function withDaemons<T>(steps: (pids: Readonly<Record<string, number>>) => T): T {
  makeLinks();
  const dnsmasq = ["--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--no-ping"];
  const range = ["--dhcp-range=10.77.0.10,10.77.3.250,255.255.252.0,3600", "--user=root"];
  const files = ["--dhcp-leasefile=/run/bench/leases", "--pid-file=", "--bind-interfaces"];
  const limits = ["--dhcp-lease-max=1000", `--interface=${bridge}`, "--log-facility=-"];
  const running: ChildProcess[] = [
    background("dnsmasq", ...dnsmasq, ...range, ...files, ...limits),
  ];
  const pids: Record<string, number> = {};
  try {
    for (const suite of suites) {
      const flags = ["daemon", "-socketpath", socketOf(suite)];
      const daemon = background(join(suite.bin, "dhcp"), ...flags);
      running.push(daemon);
      pids[suite.name] = daemon.pid ?? 0;
    }
    execFileSync("sh", ["-c", waitFor(suites.map(socketOf))]);
    return steps(pids);
  } finally {
    for (const child of running) child.kill("SIGKILL");
    // The reference's daemon does not begin where such a file is.
    for (const suite of suites) rmSync(socketOf(suite), { force: true });
    execFileSync("ip", ["link", "delete", bridge]);
    execFileSync("ip", ["netns", "delete", container]);
  }
}

function background(program: string, ...args: string[]): ChildProcess {
  return spawn(program, args, { stdio: "ignore" });
}

function waitFor(files: readonly string[]): string {
  const there = files.map((file) => `[ -S ${file} ]`).join(" && ");
  return `for i in $(seq 500); do ${there} && sleep 0.2 && exit 0; sleep 0.01; done; exit 1`;
}

function makeLinks(): void {
  execFileSync("ip", ["netns", "add", container]);
  const pairs = Array.from({ length: leases }, (_, at) => [
    `link add d${at} master ${bridge} up type veth peer name e${at} netns ${container}`,
  ]);
  const lines = [
    `link add ${bridge} up type bridge`,
    `addr add ${server}/22 dev ${bridge}`,
    ...pairs.flat(),
  ];
  execFileSync("ip", ["-batch", "-"], { input: lines.join("\n") });
  const up = Array.from({ length: leases }, (_, at) => `link set e${at} up`).join("\n");
  execFileSync("ip", ["-n", container, "-batch", "-"], { input: up });
  // The kernel has new ports forward within a second.
  execFileSync("sleep", ["1.5"]);
}

/** ADD and DEL in turn; in a row of its own, ours as it is by default, when it asks whether an address is taken. */
export function leaseTimes({ rounds, limitMs }: Effort): Row[] {
  if (!isThere()) return [];
  return withDaemons(() => {
    const unprobed = { link: "e0", more: { probe: 0 } };
    const probed = { link: "e1", label: "probed" };
    const theirs = { link: "e2" };
    const life = (suite: Suite, about: Particulars) => [
      stepOf(suite, "ADD", about),
      stepOf(suite, "DEL", { ...about, label: `${about.label ?? suite.name} DEL` }),
    ];
    const { times } = measure({
      kind: "rounds",
      alternatives: [life(ours, unprobed), life(ours, probed), life(reference, theirs)],
      warmUp: 2,
      rounds,
      limitMs,
    });
    const reply = times[`${reference.name} dhcp ADD`];
    return [
      timeRow("dhcp ADD, from discover to bound", times[`${ours.name} dhcp ADD`], reply),
      timeRow("the same when ours asks first whether the address is taken", times.probed, reply),
    ];
  });
}

/** Resident memory of the daemons with so many leases each. */
export function daemonMemory(): Row[] {
  if (!isThere()) return [];
  return withDaemons((pids) => {
    for (const suite of suites) {
      const more = suite === ours ? { probe: 0 } : {};
      for (let at = 0; at < leases; at++) run(stepOf(suite, "ADD", { link: `e${at}`, more }));
    }
    const [mine = 0, theirs = 0] = suites.map(({ name }) => residentOf(pids[name] ?? 0));
    const budget = shareOf([theirs], 2);
    const what = `the DHCP daemon with ${leases} leases, resident`;
    return [{ what, unit: "KB", ours: mine, reference: theirs, budget }];
  });
}

function isThere(): boolean {
  const missing = suites.find(({ bin }) => !existsSync(join(bin, "dhcp")));
  if (missing) console.error(`no dhcp among the executables of ${missing.name}: not measured`);
  return missing === undefined;
}

function residentOf(pid: number): number {
  return Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}
