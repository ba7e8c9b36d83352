/** Locks between processes. */

import { monotonicMs } from "./clock.ts";
import { Errno, SysError } from "./errno.ts";
import type { Fd } from "./fd.ts";
import { Poll, poll } from "./poll.ts";
import { attempt, call, check } from "./syscall.ts";
import { observer, traced } from "./trace.ts";

/** LOCK_*, linux/fcntl.h */
const Lock = { shared: 1, exclusive: 2, nonBlocking: 4, unlock: 8 } as const;

/** The longest pause between two tries, for locks that are held for an instant. */
const usualPauseMs = 8;

/**
 * Takes the exclusive lock on an open file (flock); closing the file, or the end of the process, releases it.
 * Throws ETIMEDOUT when that took longer than `timeoutMs`, EINTR when `cancelFd` became readable meanwhile.
 */
export function lock(
  fd: Fd,
  timeoutMs: number,
  cancelFd = -1,
  longestPauseMs = usualPauseMs,
): void {
  take(fd, { kind: Lock.exclusive, timeoutMs, cancelFd, longestPauseMs });
}

/** The same for a lock that others may share, but that excludes an exclusive one. */
export function lockShared(fd: Fd, timeoutMs: number, cancelFd = -1): void {
  take(fd, { kind: Lock.shared, timeoutMs, cancelFd, longestPauseMs: usualPauseMs });
}

/** Releases the lock and keeps the file open. */
export function unlock(fd: Fd): void {
  call("flock", fd.fd, Lock.unlock);
}

/** A lock to be had, and the patience for it. */
interface Wanted {
  readonly kind: number;
  readonly timeoutMs: number;
  readonly cancelFd: number;
  readonly longestPauseMs: number;
}

function take(fd: Fd, wanted: Wanted): void {
  if (observer === undefined) acquire(fd, wanted);
  else traced("lock", "lock", fd.subject ?? "", () => acquire(fd, wanted));
}

function acquire(fd: Fd, wanted: Wanted): void {
  let result = tryLock(fd, wanted.kind);
  if (result === -Errno.EWOULDBLOCK) result = keepTrying(fd, wanted);
  check(result, "lock", fd.subject);
}

function tryLock(fd: Fd, kind: number): number {
  return attempt("flock", fd.fd, kind | Lock.nonBlocking);
}

/** flock knows no time limit, and without signal handlers nothing could end a blocking one: so, try again and again. */
function keepTrying(fd: Fd, { kind, timeoutMs, cancelFd, longestPauseMs }: Wanted): number {
  const end = monotonicMs() + timeoutMs;
  for (let pause = 1; ; pause = Math.min(pause * 2, longestPauseMs)) {
    const now = monotonicMs();
    if (now >= end) throw new SysError("lock", Errno.ETIMEDOUT, fd.subject);
    // Waiters that started together must not wake together: the clock's last digits tell them apart.
    const jitter = 0.25 + 0.75 * ((now * 1000) % 1);
    const [cancelled] = poll(
      [{ fd: cancelFd, events: Poll.in }],
      Math.min(pause * jitter, end - now),
    );
    if (cancelled !== 0) throw new SysError("lock", Errno.EINTR, fd.subject);
    const result = tryLock(fd, kind);
    if (result !== -Errno.EWOULDBLOCK) return result;
  }
}
