/** An open descriptor with an owner. */

import { Errno } from "./errno.ts";
import { attempt, check } from "./syscall.ts";

/** Closes itself at the end of a `using` block. */
export class Fd implements Disposable {
  /** The descriptor's number; -1 once closed. For this class alone to change: a private field costs as much as a call. */
  fd: number;
  /** What was opened, for error messages. */
  readonly subject?: string;

  constructor(fd: number, subject?: string) {
    this.fd = fd;
    this.subject = subject;
  }

  /** Closes it, once; says when the file system could not keep what was written. */
  close(): void {
    const fd = this.fd;
    if (fd < 0) return;
    this.fd = -1;
    const result = attempt("close", fd);
    // Linux has let go of the descriptor even then; closing again could hit someone else's.
    if (result !== -Errno.EINTR) check(result, "close", this.subject);
  }

  /** Closes it without a word: an error already on its way must not be hidden by one from here. */
  [Symbol.dispose](): void {
    if (this.fd >= 0) attempt("close", this.fd);
    this.fd = -1;
  }
}
