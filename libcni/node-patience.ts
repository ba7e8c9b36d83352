/** Waits that end by a deadline or by a signal, on Node's timers. */

import { Errno } from "../pkg/sys/errno.ts";
import type { Patience } from "./machine.ts";

/** Longer than any timer may be set for. */
const foreverMs = 2 ** 31 - 1;

/** Begins a wait. `giveUp` gets ETIMEDOUT or EINTR, unless the function returned is called before. */
export function startWaiting(
  { timeoutMs, signal }: Patience,
  giveUp: (errno: number) => void,
): () => void {
  const end = () => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  };
  const stop = (errno: number) => {
    end();
    giveUp(errno);
  };
  const onAbort = () => stop(Errno.EINTR);
  const timer =
    timeoutMs < foreverMs ? setTimeout(() => stop(Errno.ETIMEDOUT), timeoutMs) : undefined;
  if (signal?.aborted === true) onAbort();
  else signal?.addEventListener("abort", onAbort);
  return end;
}
