/** Waiting for descriptors. */

import { timespec } from "./clock.ts";
import { check, retry } from "./syscall.ts";

/** POLL*, asm-generic/poll.h */
export const Poll = { in: 1, priority: 2, out: 4, error: 8, hangUp: 16, invalid: 32 } as const;

/** What to wait for; a descriptor of -1 is passed over. */
export interface PollTarget {
  fd: number;
  /** Of `Poll`; error, hangUp and invalid are always reported. */
  events: number;
}

/** How long to wait, and what ends the wait early. */
export interface Patience {
  readonly timeoutMs: number;
  /** Readable once nobody wants what is waited for; -1 for never. */
  readonly cancelFd?: number;
}

/** Waits until something happens or the time is over; a negative time is for ever. Answers in the order asked, 0 for nothing. */
export function poll(targets: readonly PollTarget[], timeoutMs: number): number[] {
  const view = new DataView(new ArrayBuffer(targets.length * 8)); // struct pollfd
  for (const [index, target] of targets.entries()) {
    view.setInt32(index * 8, target.fd, true);
    view.setInt16(index * 8 + 4, target.events, true);
  }
  // The kernel counts the time down in place, so an interrupted call is simply made again.
  const time = timeoutMs < 0 ? null : timespec(timeoutMs);
  const fds = new Uint8Array(view.buffer);
  check(retry("ppoll", fds, targets.length, time, null, 0), "poll");
  return targets.map((_, index) => view.getInt16(index * 8 + 6, true));
}
