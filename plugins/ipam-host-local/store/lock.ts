/** The lock that the reference takes, too: `lock` in the directory of reservations. */

import { CniError, ErrorCode } from "../../../pkg/cni/error.ts";
import { Errno, isSysError, SysError } from "../../../pkg/sys/errno.ts";
import type { Fd } from "../../../pkg/sys/fd.ts";
import { OpenFlag, openFile } from "../../../pkg/sys/file.ts";
import { lock } from "../../../pkg/sys/lock.ts";

/** A thousand others may wait in front of us; a process that is stuck for longer is not going to move. */
export const lockTimeoutMs = 30_000;

/** What is to be locked, and the patience for it. */
export interface LockRequest {
  /** The directory's path, for messages. */
  readonly path: string;
  readonly directory: Fd;
  readonly timeoutMs: number;
  /** Readable when waiting is to end; -1 for never. */
  readonly cancelFd: number;
}

/** Takes the lock for as long as the result is open. Throws code 11 when it cannot be had in time. */
export function takeLock({ path, directory, timeoutMs, cancelFd }: LockRequest): Fd {
  let file: Fd | undefined;
  try {
    file = openLock(directory);
    lock(file, timeoutMs, cancelFd);
    return file;
  } catch (error) {
    file?.[Symbol.dispose]();
    if (!isSysError(error)) throw error;
    const { call, errno } = error;
    const lockPath = `${path}/lock`;
    if (errno !== Errno.ETIMEDOUT && errno !== Errno.EINTR)
      throw new SysError(call, errno, lockPath);
    const outcome =
      errno === Errno.EINTR
        ? "interrupted"
        : `another process has held it for ${timeoutMs / 1000} s`;
    throw new CniError(ErrorCode.tryAgainLater, `cannot lock "${lockPath}": ${outcome}`);
  }
}

/** On NFS an exclusive lock is for those who may write the file (flock(2)); the answer to others is EBADF. */
function openLock(directory: Fd): Fd {
  const open = (access: number) => openFile("lock", access | OpenFlag.create, 0o600, directory);
  try {
    return open(OpenFlag.readWrite);
  } catch (error) {
    // There CHECK has to be possible all the same.
    if (isSysError(error, Errno.EROFS)) return open(OpenFlag.readOnly);
    throw error;
  }
}
