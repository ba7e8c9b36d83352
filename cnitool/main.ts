/** cnitool's process: its environment, signals, output and exit status. */

import { engineMachine, type Interruption } from "../libcni/engine.ts";
import { Libcni } from "../libcni/libcni.ts";
import { splitPath } from "../pkg/invoke/lookup.ts";
import { Fd } from "../pkg/sys/fd.ts";
import { readLink, writeAll } from "../pkg/sys/file.ts";
import { args, environment, exit } from "../pkg/sys/process.ts";
import { blockSignals } from "../pkg/sys/signal.ts";
import { stat } from "../pkg/sys/statx.ts";
import { attempt } from "../pkg/sys/syscall.ts";
import { encode } from "../pkg/sys/text.ts";
import type { Schema, Session } from "./command.ts";
import { runCommand } from "./run.ts";

const stdoutFd = 1;
/** TCGETS, asm-generic/ioctls.h, and room for its struct termios */
const getTerminal = { request: 0x5401, size: 64 } as const;

/** Runs cnitool as this process. Never returns. */
export async function runCnitool(schemas: Readonly<Record<string, Schema>>): Promise<never> {
  const env = environment();
  const [, ...argv] = args();
  const signals = watched(blockSignals(["SIGTERM", "SIGINT", "SIGHUP"]));
  const machine = engineMachine(signals);
  const session: Session = {
    env,
    machine,
    cni: new Libcni({ pluginDirs: splitPath(env.CNI_PATH ?? "") }, machine),
    schemas,
    isTerminal: isTerminal(),
    workingDirectory: workingDirectory(env.PWD ?? ""),
    print: (text) => writeAll(new Fd(stdoutFd), encode(text)),
    interruption: signals,
    wasInterrupted: () => signals.hasCome,
  };
  exit(await runCommand(argv, session));
}

function watched(signals: Interruption): Interruption & { hasCome: boolean } {
  const all = {
    fd: signals.fd,
    hasCome: false,
    pending: () => {
      const signal = signals.pending();
      if (signal !== 0) all.hasCome = true;
      return signal;
    },
  };
  return all;
}

function isTerminal(): boolean {
  const { request, size } = getTerminal;
  return attempt("ioctl", stdoutFd, request, new Uint8Array(size)) === 0;
}

/** As the shell calls it, if it is so, with the links that led here; else as the kernel does. */
function workingDirectory(claimed: string): string {
  const actual = readLink("/proc/self/cwd");
  if (!claimed.startsWith("/")) return actual;
  try {
    const [a, b] = [stat(claimed), stat(actual)];
    return a.dev === b.dev && a.ino === b.ino ? claimed : actual;
  } catch {
    return actual;
  }
}
