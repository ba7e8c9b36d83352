/** Signals, taken when it suits instead of when they come. */

import { Errno } from "./errno.ts";
import { OpenFlag } from "./file.ts";
import { attempt, call, check } from "./syscall.ts";

/** SIG*, asm-generic/signal.h (the same on x64 and arm64) */
export const Signal = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGCHLD: 17,
} as const;

/** SIG_BLOCK, asm-generic/signal-defs.h */
const blockMore = 0;

/** Bytes in the kernel's sigset_t, and in struct signalfd_siginfo */
const sizes = { set: 8, info: 128 } as const;

/** Signals that no longer interrupt or end the process. They stay blocked as long as it lives. */
export class BlockedSignals {
  /** Readable once one of the signals has come: for poll, or as a cancelFd. */
  readonly fd: number;

  constructor(fd: number) {
    this.fd = fd;
  }

  /** Takes the next signal that has come; 0 when there is none. Does not wait. */
  pending(): number {
    const info = new Uint8Array(sizes.info);
    const result = attempt("read", this.fd, info, info.length);
    if (result === -Errno.EAGAIN) return 0;
    check(result, "read signalfd");
    return new DataView(info.buffer).getUint32(0, true);
  }
}

/** Has signals wait to be asked for. */
export function blockSignals(names: readonly (keyof typeof Signal)[]): BlockedSignals {
  const set = new Uint8Array(sizes.set);
  let bits = 0; // None of the signals above is past the 31st.
  for (const name of names) bits |= 1 << (Signal[name] - 1);
  new DataView(set.buffer).setUint32(0, bits, true);
  call("rt_sigprocmask", blockMore, set, null, sizes.set);
  const flags = OpenFlag.closeOnExec | OpenFlag.nonBlocking;
  return new BlockedSignals(call("signalfd4", -1, set, sizes.set, flags));
}
