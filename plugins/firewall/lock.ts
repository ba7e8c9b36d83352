/**
 * One at a time: rules of a bridge belong to many. Of two DELs at once each would leave them to the other, and one
 * beside an ADD would take them from it. The namespace's own lock, which the bridge plugin takes for an instant, would
 * be held too long: programs are run meanwhile.
 */

import { CniError, ErrorCode } from "../../pkg/cni/error.ts";
import { turnMs } from "../../pkg/filter/iptables.ts";
import { Errno, isSysError } from "../../pkg/sys/errno.ts";
import type { Fd } from "../../pkg/sys/fd.ts";
import { OpenFlag, openDirectory, openFile } from "../../pkg/sys/file.ts";
import { lock } from "../../pkg/sys/lock.ts";
import { directory } from "./source-files.ts";

/** A hundred that asked more often would keep the machine busy with that. */
const longestPauseMs = 50;

/** Runs the work, which is told the lock's descriptor, while nobody else of this suite looks at the rules and changes them. */
export function alone(work: (heldFd: number) => void, cancelFd?: number): void {
  using dir = openDirectory(directory, 0o700);
  using file = openFile("lock", OpenFlag.readWrite | OpenFlag.create, 0o600, dir);
  take(file, cancelFd);
  work(file.fd);
}

function take(file: Fd, cancelFd?: number): void {
  try {
    lock(file, turnMs, cancelFd, longestPauseMs);
  } catch (error) {
    if (!isSysError(error, Errno.ETIMEDOUT, Errno.EINTR)) throw error;
    const message = `cannot set up the firewall: ${error.message}`;
    throw new CniError(ErrorCode.tryAgainLater, message);
  }
}
