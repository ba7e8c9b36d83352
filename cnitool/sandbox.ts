/** A network namespace for one command: it has no name, and goes when cnitool ends. */

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
  /** Runs a program inside. */
  run(argv: string[], env: Readonly<Record<string, string>>): SpawnResult;
}

export function makeSandbox(): Sandbox {
  const home = openFile(ownPath, OpenFlag.readOnly);
  call("unshare", cloneNewNet);
  const inside = openFile(ownPath, OpenFlag.readOnly);
  enter(home);
  return {
    path: `/proc/${processId()}/fd/${inside.fd}`,
    run: (argv, env) => {
      enter(inside);
      try {
        const [path = ""] = argv;
        const none = new Uint8Array(0);
        return spawn({ path, argv, env: { ...env }, stdin: none, deadlineMs: 0, cancelFd: -1 });
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

function enter(namespace: Fd): void {
  call("setns", namespace.fd, cloneNewNet);
}
