/** Lets each system call of a host-local fail once, or kills it there, and looks at what is left behind. */

import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { describe } from "./harness/command.ts";
import type { Host, Reply, Verb } from "./harness/host.ts";
import { hostLocalConfig } from "./harness/networks.ts";
import { readReservations } from "./harness/snapshot.ts";
import { type Identity, pretend } from "./host-local-identity.ts";

/** What a fault may do that it must not. */
export const faults = [
  "a failed ADD holds an address",
  "a successful ADD holds none",
  "a successful DEL leaves an address",
  "a torn reservation is left",
  "another reservation has changed",
  "a reservation of an earlier boot stays",
  "the call hangs",
  "the next DEL fails",
  "the next DEL leaves an address",
  "the next ADD fails",
] as const;

export type Fault = (typeof faults)[number];

/** What a sweep found. */
export interface Findings {
  /** Calls that were made with a fault in them. */
  runs: number;
  /** Of these, the ones that told of a failure. */
  failed: number;
  readonly counts: Record<Fault, number>;
  /** One line for each, to find it again. */
  readonly lines: string[];
}

/** What is swept. */
export interface Sweep {
  readonly host: Host;
  /** Where the executable is. */
  readonly from: string;
  readonly verb: "ADD" | "DEL";
  /**
   * What comes before each call: nothing at all, not even the directory; a change by somebody else, which has to be
   * found and read; or a boot, after which something has to be taken back.
   */
  readonly after?: "nothing" | "change" | "boot";
  readonly kind: "error" | "kill";
  /** Whether addresses follow a name, with claims that are over as soon as they are made. */
  readonly sticky?: boolean;
  /** Not all errors, but these only. */
  readonly errors?: readonly string[];
}

const config = hostLocalConfig({}, { cniVersion: "1.0.0" });
const stickyConfig = hostLocalConfig({ sticky: "NAME", stickyTtl: "1ms" }, { cniVersion: "1.0.0" });
const store = "/var/lib/cni/networks/net1";
const everything = "/var/lib/cni/networks";
const trace = "/run/trace";
const swept = "swept";
const kept = "kept";
const foreign = "foreign";
/** Who has a reservation from before the boot. */
const former = "former";

/** Without these there is no process to look at, or no way to end it. */
const untouchable = /^(execve|exit|exit_group|clone3?|v?fork|rt_sigreturn|restart_syscall)$/;

const fileErrors = ["ENOSPC", "EIO", "EACCES", "ENOMEM", "EINTR"];

/** The errors that a call may well meet with. */
function errorsOf(name: string): readonly string[] {
  if (name === "close") return ["EIO", "EINTR"];
  if (/^(open|read|write|pread|pwrite|link|symlink|unlink|rename|mkdir|getdents)/.test(name)) {
    return fileErrors;
  }
  if (/^(statx|newfstat|fstat|utimensat|ftruncate|fsync|flock|faccess|lseek|fcntl)/.test(name)) {
    return fileErrors;
  }
  return ["ENOMEM"];
}

/** Sweeps over every call that the verb makes. */
export async function sweep(what: Sweep): Promise<Findings> {
  const counts = Object.fromEntries(faults.map((fault) => [fault, 0])) as Record<Fault, number>;
  const findings: Findings = { runs: 0, failed: 0, counts, lines: [] };
  for (const [name, times] of await countCalls(what)) {
    const injections =
      what.kind === "kill"
        ? ["signal=SIGKILL"]
        : errorsOf(name)
            .filter((error) => what.errors?.includes(error) ?? true)
            .map((error) => `error=${error}`);
    for (const injection of injections) {
      for (let n = 1; n <= times; n++) {
        await tryOne(what, `${name}:${injection}:when=${n}`, findings);
      }
    }
  }
  return findings;
}

/** How often each call is made, by the thread that makes it most. */
async function countCalls(what: Sweep): Promise<Map<string, number>> {
  await prepare(what);
  await call(what, what.verb, ["strace", "-f", "-o", trace]);
  await call(what, "DEL");
  const perThread = new Map<string, number>();
  for (const line of readFileSync(what.host.outside(trace), "utf8").split("\n")) {
    const [, thread, name = ""] = /^(\d+) +(\w+)\(/.exec(line) ?? [];
    if (thread === undefined || untouchable.test(name)) continue;
    const key = `${thread} ${name}`;
    perThread.set(key, (perThread.get(key) ?? 0) + 1);
  }
  const most = new Map<string, number>();
  for (const [key, count] of perThread) {
    const name = key.replace(/^\d+ /, "");
    most.set(name, Math.max(count, most.get(name) ?? 0));
  }
  return most;
}

/** A store in which one container holds addresses, and before a DEL the one that is to be deleted, too. */
async function prepare(what: Sweep): Promise<void> {
  const { host, verb, after } = what;
  if (after === "nothing") {
    rmSync(host.outside(everything), { recursive: true, force: true });
    return;
  }
  if (after === "boot") {
    await reboot(host);
    await call(what, "ADD", [], former);
    await reboot(host);
    return;
  }
  const holders = readReservations(host).map((line) => line.split(" ")[1]);
  if (!holders.includes(kept)) await call(what, "ADD", [], kept);
  if (verb === "DEL" && !holders.includes(swept)) await call(what, "ADD");
  if (after === "change") changeBehindItsBack(host);
}

const identities = new WeakMap<Host, Identity>();
let boots = 1;

async function reboot(host: Host): Promise<void> {
  const identity = identities.get(host) ?? (await pretend(host));
  identities.set(host, identity);
  identity.setBoot(++boots);
}

/** One reservation goes, one comes, and one becomes another's under the same name. */
function changeBehindItsBack(host: Host): void {
  const write = (address: string, owner: string) => {
    const path = host.outside(`${store}/${address}`);
    rmSync(path, { force: true });
    writeFileSync(path, `${owner}\r\neth0`);
  };
  const isEven = existsSync(host.outside(`${store}/10.1.0.200`));
  if (isEven) rmSync(host.outside(`${store}/10.1.0.200`));
  else write("10.1.0.200", foreign);
  write("10.1.0.201", isEven ? foreign : `${foreign}2`);
}

async function tryOne(what: Sweep, injection: string, findings: Findings): Promise<void> {
  await prepare(what);
  const before = reservationsOf(what, kept);
  const [name] = injection.split(":");
  const only = ["-e", `trace=${name}`, "-e", `inject=${injection}`];
  const reply = await call(what, what.verb, ["strace", "-f", "-o", trace, ...only]);
  const traced = readFileSync(what.host.outside(trace), "utf8");
  const hit = what.kind === "kill" ? reply.signal !== null : traced.includes("(INJECTED)");
  if (!hit && !reply.timedOut) {
    await call(what, "DEL"); // which of the calls there are depends on the clock, too
    return;
  }
  findings.runs++;
  if (reply.status !== 0) findings.failed++;
  const found = [...judge(what, reply), ...(await judgeNext(what))];
  if (reservationsOf(what, kept).join() !== before.join()) {
    found.push("another reservation has changed");
  }
  for (const fault of new Set(found)) {
    findings.counts[fault]++;
    findings.lines.push(`${what.verb} ${injection}: ${fault}\n${describe(reply)}`);
  }
}

/** What the call left at once. */
function judge(what: Sweep, reply: Reply): Fault[] {
  const found: Fault[] = [];
  const { status, signal, timedOut } = reply;
  const held = reservationsOf(what, swept).length;
  if (timedOut) found.push("the call hangs");
  const hasFailed = status !== 0 && signal === null;
  if (what.verb === "ADD" && hasFailed && held > 0) found.push("a failed ADD holds an address");
  if (what.verb === "ADD" && status === 0 && held !== 2) found.push("a successful ADD holds none");
  if (what.verb === "DEL" && status === 0 && held > 0) {
    found.push("a successful DEL leaves an address");
  }
  if (tornIn(what.host).length > 0) found.push("a torn reservation is left");
  return found;
}

/** What the runtime does next: DEL, and then another container comes. */
async function judgeNext(what: Sweep): Promise<Fault[]> {
  const found: Fault[] = [];
  const mustSucceed = async (verb: Verb, fault: Fault) => {
    if ((await call(what, verb)).status !== 0) found.push(fault);
  };
  await mustSucceed("DEL", "the next DEL fails");
  if (reservationsOf(what, swept).length > 0) found.push("the next DEL leaves an address");
  await mustSucceed("ADD", "the next ADD fails");
  await mustSucceed("DEL", "the next DEL fails");
  if (reservationsOf(what, swept).length > 0) found.push("the next DEL leaves an address");
  if (what.after === undefined || what.after === "change") {
    if ((await call(what, "CHECK", [], kept)).status !== 0) {
      found.push("another reservation has changed");
    }
  }
  if (reservationsOf(what, former).length > 0) found.push("a reservation of an earlier boot stays");
  // Only the reference leaves any, and would go on without their addresses.
  for (const line of tornIn(what.host)) {
    const [path = ""] = line.split(" ");
    rmSync(what.host.outside(`${store}/${path.replace("net1/", "")}`));
  }
  return found;
}

function tornIn(host: Host): string[] {
  return readReservations(host).filter(
    (line) => !/ (kept|swept|former|foreign2?) eth0$/.test(line),
  );
}

function reservationsOf({ host }: Sweep, containerId: string): string[] {
  return readReservations(host).filter((line) => line.split(" ")[1] === containerId);
}

function call(
  { host, from, sticky }: Sweep,
  verb: Verb,
  wrap: readonly string[] = [],
  containerId = swept,
): Promise<Reply> {
  const plugin = "host-local";
  return host.cni(verb, {
    plugin,
    config: sticky ? stickyConfig : config,
    args: `IgnoreUnknown=1;NAME=${containerId}`,
    from,
    containerId,
    netns: "/run/netns/none",
    wrap,
    deadlineMs: 5000,
  });
}
