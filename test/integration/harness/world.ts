/**
 * A machine of its own for one test: a network namespace and a mount namespace with fresh /run and /var/lib, kept
 * alive by one process that ends with its stdin. When that ends, the kernel removes all of it.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { ours, reference } from "./executables.ts";

/** Where a world keeps the executables, as CNI_PATH names them. */
export const oursInWorld = "/run/ours";
export const referenceInWorld = "/run/reference";

// The directories are bound by descriptor (and -c: without resolving it to a path), since the fresh /run or
// /var/lib may lie over the place where they really are.
const setUp = `
exec 3<"$1" 4<"$2"
mount -t tmpfs -o mode=755 world /run
mount -t tmpfs -o mode=755 world /var/lib
mkdir -p /run/netns /run/lock /run/ours /run/reference /run/work /var/lib/cni
mount -c --bind /proc/self/fd/3 /run/ours
mount -c --bind /proc/self/fd/4 /run/reference
exec 3<&- 4<&-
ip link set lo up
echo ready
exec cat >/dev/null
`;

export interface World {
  /** The process that keeps it alive. */
  readonly pid: number;
  /** Its file system as seen from outside. */
  readonly root: string;
  /** The argv that runs a program inside, in its own network namespace or in a named one. */
  enter(argv: readonly string[], netns?: string): string[];
  /** Ends every process inside, and the world with the last of them. */
  end(): Promise<void>;
}

/** Makes a world. */
export async function makeWorld(): Promise<World> {
  const options = ["--net", "--mount", "--propagation", "private"];
  const shell = ["sh", "-ec", setUp, "world", ours, reference ?? ours];
  const holder = spawn("unshare", [...options, ...shell], { stdio: ["pipe", "pipe", "pipe"] });
  let stderr = "";
  holder.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const closed = once(holder, "close");
  const ready = await Promise.race([once(holder.stdout, "data"), closed.then(() => undefined)]);
  const pid = holder.pid;
  if (ready === undefined || pid === undefined) throw new Error(`cannot make a world: ${stderr}`);
  const root = `/proc/${pid}/root`;
  return {
    pid,
    root,
    enter: (argv, netns) => {
      const net = netns === undefined ? `/proc/${pid}/ns/net` : `${root}/run/netns/${netns}`;
      return ["nsenter", `--mount=/proc/${pid}/ns/mnt`, `--net=${net}`, "--", ...argv];
    },
    end: async () => {
      const mine = readlinkSync(`/proc/${pid}/ns/mnt`);
      for (const other of processesIn(mine)) if (other !== pid) process.kill(other, "SIGKILL");
      holder.stdin.end();
      await closed;
    },
  };
}

function processesIn(mountNamespace: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/ns/mnt`) === mountNamespace;
      } catch {
        return false; // ended meanwhile
      }
    });
}
