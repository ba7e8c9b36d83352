/** The file a trace is appended to: private, never through a link, bounded in size. */

import { Errno, isSysError, SysError } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import { ifPresent, OpenFlag, openFile, rename, writeAll } from "../sys/file.ts";
import { lock } from "../sys/lock.ts";
import { stat } from "../sys/statx.ts";
import { encode } from "../sys/text.ts";

/** Once it is this long it is renamed, to its name and `.1`, and a new one begins: so two of these at most. */
export const longestTrace = 16 * 1024 * 1024;

/** A trace's file, open for appending. */
export class TraceFile implements Disposable {
  readonly #path: string;
  readonly #limit: number;
  #file: Fd;
  /** As far as this process knows: others append to it too. */
  #size = 0;

  /** Throws SysError where the path leads to no file of its own. */
  constructor(path: string, limit = longestTrace) {
    this.#path = path;
    this.#limit = limit;
    this.#file = this.#open();
  }

  /** Appends in one write, so that the lines of processes at the same time stay whole. */
  append(line: string): void {
    const bytes = encode(line);
    if (this.#size + bytes.length > this.#limit) this.#rotate();
    writeAll(this.#file, bytes);
    this.#size += bytes.length;
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }

  #open(): Fd {
    // A pipe without a reader would keep the plugin waiting.
    const flags = OpenFlag.writeOnly | OpenFlag.append | OpenFlag.create | OpenFlag.nonBlocking;
    const file = openFile(this.#path, flags, 0o600);
    const { isFile, size } = stat(file);
    if (!isFile) {
      file.close();
      throw new SysError("append to", Errno.EINVAL, this.#path);
    }
    this.#size = size;
    return file;
  }

  /** Begins a new file. Of several processes that find it full, the one with the lock renames it. */
  #rotate(): void {
    const full = this.#file;
    try {
      lock(full, 0);
      const present = ifPresent(() => stat(this.#path, { follow: false }));
      if (present?.ino === stat(full).ino) rename(this.#path, `${this.#path}.1`);
    } catch (error) {
      if (!isSysError(error, Errno.ETIMEDOUT)) throw error;
      return; // another one is at it; this one's last lines go where they are
    }
    this.#file = this.#open();
    full.close();
  }
}
