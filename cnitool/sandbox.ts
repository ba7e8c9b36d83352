/** A network namespace for one command: it has no name, and goes when cnitool ends. */

import { splitPath } from "../pkg/invoke/lookup.ts";
import { Errno } from "../pkg/sys/errno.ts";
import type { Fd } from "../pkg/sys/fd.ts";
import { OpenFlag, openFile } from "../pkg/sys/file.ts";
import { processId, type SpawnResult, spawn } from "../pkg/sys/process.ts";
import { call } from "../pkg/sys/syscall.ts";

/** CLONE_NEWNET, linux/sched.h */
const cloneNewNet = 0x40000000;
const ownPath = "/proc/thread-self/ns/net";

export interface Sandbox extends Disposable {
  /** Leads to the namespace from every process, as long as this one lives. */
  readonly path: string;
  /** Runs a program inside; one without a slash is looked for in PATH. A readable `cancelFd` ends it. */
  run(argv: string[], env: Readonly<Record<string, string>>, cancelFd: number): SpawnResult;
}

export function makeSandbox(): Sandbox {
  const home = openFile(ownPath, OpenFlag.readOnly);
  call("unshare", cloneNewNet);
  const inside = openFile(ownPath, OpenFlag.readOnly);
  enter(home);
  return {
    path: `/proc/${processId()}/fd/${inside.fd}`,
    run: (argv, env, cancelFd) => {
      enter(inside);
      try {
        const stdin = new Uint8Array(0);
        const request = { argv, env: { ...env }, stdin, deadlineMs: 0, cancelFd };
        return runFirst(programs(argv[0] ?? "", env.PATH ?? ""), request);
      } finally {
        enter(home);
      }
    },
    [Symbol.dispose]: () => {
      inside.close();
      home.close();
    },
  };
}

/** Where a program may be, as a shell looks for it. */
function programs(name: string, path: string): string[] {
  return name.includes("/")
    ? [name]
    : splitPath(path).map((directory) => `${directory || "."}/${name}`);
}

/** Runs the first of these programs that is there; the outcome of the last one if none is. */
function runFirst(
  [path = "", ...further]: readonly string[],
  request: Omit<Parameters<typeof spawn>[0], "path">,
): SpawnResult {
  const outcome = spawn({ path, ...request });
  const isMissing = outcome.error === Errno.ENOENT || outcome.error === Errno.EACCES;
  return isMissing && further.length > 0 ? runFirst(further, request) : outcome;
}

function enter(namespace: Fd): void {
  call("setns", namespace.fd, cloneNewNet);
}
