/** The reservation files of one network's directory, as they are made, taken over and removed. */

import { parseAddress } from "../../../pkg/ip/address.ts";
import { Errno, isSysError, SysError } from "../../../pkg/sys/errno.ts";
import type { Fd } from "../../../pkg/sys/fd.ts";
import { listDirectory, unlink } from "../../../pkg/sys/file.ts";
import { attempt } from "../../../pkg/sys/syscall.ts";
import { encode } from "../../../pkg/sys/text.ts";
import { createExclusive, replaceFile, temporaryPrefix } from "../../../pkg/sys/whole-file.ts";
import { LastReserved } from "./last-reserved.ts";
import { formatOwner, listReserved, type Owner, readOwner } from "./reservation.ts";

/** A directory of reservations, whose lock is held. Its errors name files by their whole path. */
export class ReservationFiles {
  readonly #directory: Fd;
  readonly #path: string;
  readonly #log: (line: string) => void;

  constructor(directory: Fd, path: string, log: (line: string) => void) {
    this.#directory = directory;
    this.#path = path;
    this.#log = log;
  }

  /** The addresses with a file, whole or torn. */
  list(): string[] {
    return listReserved(this.#directory);
  }

  /** Whether an address has a file; in doubt it has. */
  has(address: string): boolean {
    const name = address;
    return attempt("faccessat", this.#directory.fd, name, 0, 0) !== -Errno.ENOENT;
  }

  /** Whether an address's file names nobody: such an address is free. */
  isTorn(address: string): boolean {
    return readOwner(this.#directory, address) === "torn";
  }

  /**
   * Makes an address's file; false if there is a whole one. Not synced: a power cut that loses the file ends every
   * container as well, and one it tears counts as free.
   */
  create(address: string, owner: Owner): boolean {
    const bytes = encode(formatOwner(owner));
    return this.#withPath(address, () => {
      if (createExclusive(this.#directory, address, bytes)) return true;
      if (!this.isTorn(address)) return false;
      replaceFile(this.#directory, address, bytes);
      this.#log(`took ${address}: "${this.#path}/${address}" was empty or torn`);
      return true;
    });
  }

  remove(address: string): void {
    this.#withPath(address, () => unlink(address, this.#directory));
  }

  /** Removes what crashed processes left, torn reservations and unfinished files; the value is their names. */
  removeLitter(): string[] {
    const litter = listDirectory(this.#directory).filter(
      (name) => name.startsWith(temporaryPrefix) || (parseAddress(name) && this.isTorn(name)),
    );
    for (const name of litter) {
      this.remove(name);
      this.#log(`removed "${this.#path}/${name}": empty, torn or unfinished`);
    }
    return litter;
  }

  /** Where the walk through a range set stopped. */
  lastReserved(setIndex: number): LastReserved {
    const name = `last_reserved_ip.${setIndex}`;
    return this.#withPath(name, () => new LastReserved(this.#directory, name));
  }

  #withPath<T>(name: string, act: () => T): T {
    try {
      return act();
    } catch (error) {
      if (!isSysError(error)) throw error;
      throw new SysError(error.call, error.errno, `${this.#path}/${name}`);
    }
  }
}
