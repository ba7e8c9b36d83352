/** Faults at every point of a plugin's run, put there by strace. */

import { readFileSync } from "node:fs";
import type { Outcome } from "./command.ts";
import type { Call, Host, Verb } from "./host.ts";

/** One system call of a run: the `ordinal`th of its name. */
export interface Point {
  readonly name: string;
  readonly ordinal: number;
  /** As strace prints it, for messages. */
  readonly text: string;
}

/** What starts and ends the program. Without these no C library goes on, so a fault there shows nothing. */
const outside = new Set(["execve", "arch_prctl", "set_tid_address", "exit", "exit_group"]);

/** What these calls may well fail with; the others get ENOMEM. */
const likelyErrors: Readonly<Record<string, string>> = {
  openat: "EMFILE",
  read: "EIO",
  pread64: "EIO",
  write: "ENOSPC",
  pwrite64: "ENOSPC",
  writev: "ENOSPC",
  mkdirat: "ENOSPC",
  symlinkat: "ENOSPC",
  linkat: "ENOSPC",
  renameat2: "EIO",
  unlinkat: "EIO",
  flock: "ENOLCK",
  sendto: "ENOBUFS",
  sendmsg: "ENOBUFS",
  recvmsg: "ENOBUFS",
  recvmmsg: "ENOBUFS",
  recvfrom: "ENOBUFS",
  setns: "EPERM",
  socket: "EMFILE",
};

/** An error that the call may well fail with, for `withFault`. */
export function errorAt({ name }: Point): string {
  return `error=${likelyErrors[name] ?? "ENOMEM"}`;
}

/**
 * strace keeps a call that is to fail from being made. The kernel's close fails, if ever, after it has closed: where a pipe
 * to a program stays open instead, its end is waited for in vain.
 */
export function canFail({ name }: Point): boolean {
  return name !== "close";
}

/** Every system call that the plugin makes; the call must be one that can be made again. */
export async function pointsOf(host: Host, verb: Verb, call: Call): Promise<Point[]> {
  const trace = "/run/work/trace";
  await host.cni(verb, { ...call, wrap: ["strace", "-qq", "-s64", "-o", trace] });
  return pointsIn(readFileSync(host.outside(trace), "utf8"));
}

/**
 * The system calls that strace told of. One that the kernel began again counts once: to turn forwarding on takes a lock
 * that the kernel does not wait for, so where others make and remove links it begins again hundreds of times, each time
 * in another number.
 */
export function pointsIn(trace: string): Point[] {
  const counts = new Map<string, number>();
  const points: Point[] = [];
  for (const text of trace.split("\n")) {
    const name = /^(\w+)\(/.exec(text)?.[1];
    if (name === undefined || outside.has(name) || text.includes("? ERESTARTNOINTR")) continue;
    const ordinal = (counts.get(name) ?? 0) + 1;
    counts.set(name, ordinal);
    points.push({ name, ordinal, text });
  }
  return points;
}

/** The call with a fault (`signal=SIGKILL`, `error=EIO`) upon one of its system calls. */
export function withFault(call: Call, { name, ordinal }: Point, fault: string): Call {
  const inject = `inject=${name}:${fault}:when=${ordinal}`;
  const wrap = ["strace", "-qq", "-o", "/dev/null", "-e", `trace=${name}`, "-e", inject];
  return { ...call, wrap };
}

/**
 * Whether the plugin got past a point that kills. It may where the call is not made each time: host-local renames the
 * folder of its index only when a second has passed since the last change.
 */
export function missedPoint({ name }: Point, { signal, status }: Outcome): boolean {
  return signal !== "SIGKILL" && !(name === "renameat2" && status === 0);
}
