/** Copies of this process. For the engine, whose processes have one thread: Node's other threads would be missing. */

import { Fd } from "./fd.ts";
import { call } from "./syscall.ts";

/** SIGCHLD, asm-generic/signal.h: what the parent gets at the end, and no other sharing */
const childSignal = 17;
/** O_CLOEXEC, asm-generic/fcntl.h */
const closeOnExec = 0o2000000;

/** Goes on twice: the value is 0 in the copy, and the copy's number here. */
export function fork(): number {
  return call("clone", childSignal, 0, 0, 0, 0);
}

/** Waits for a copy's end; the value is its exit status, or minus the signal that ended it. */
export function waitFor(pid: number): number {
  const status = new Uint8Array(4);
  call("wait4", pid, status, 0, 0);
  const word = new DataView(status.buffer).getUint32(0, true);
  const signal = word & 0x7f;
  return signal === 0 ? (word >> 8) & 0xff : -signal;
}

/** A pipe that no program started from here inherits: the end to read, the end to write. */
export function pipe(): { readonly out: Fd; readonly into: Fd } {
  const ends = new Uint8Array(8);
  call("pipe2", ends, closeOnExec);
  const view = new DataView(ends.buffer);
  return { out: new Fd(view.getInt32(0, true)), into: new Fd(view.getInt32(4, true)) };
}
