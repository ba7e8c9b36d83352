/** Where the walk through a range set stopped: the file `last_reserved_ip.<index>`, holding an address. */

import { type Address, parseAddress } from "../../../pkg/ip/address.ts";
import { Errno, SysError } from "../../../pkg/sys/errno.ts";
import type { Fd } from "../../../pkg/sys/fd.ts";
import { OpenFlag, openFile, read } from "../../../pkg/sys/file.ts";
import { call } from "../../../pkg/sys/syscall.ts";
import { decode, encode } from "../../../pkg/sys/text.ts";

/** Longer than any address. */
const longestContent = 64;

/** The file of one range set, open for one allocation. */
export class LastReserved implements Disposable {
  /** The address reserved last; undefined at the first time, or where the file holds none. */
  readonly address: Address | undefined;
  readonly #file: Fd;
  readonly #length: number;

  constructor(directory: Fd, name: string) {
    const flags = OpenFlag.readWrite | OpenFlag.create;
    this.#file = openFile(name, flags, 0o600, directory);
    const buffer = new Uint8Array(longestContent);
    this.#length = read(this.#file, buffer);
    this.address = parseAddress(decode(buffer.subarray(0, this.#length)));
  }

  /**
   * Writes in place, unlike everything else: nothing but the order of the walk depends on this file, and replacing
   * or truncating it makes ext4 write to the disk at once (measured: 0.9 ms against 0.001 ms).
   */
  write(address: string): void {
    const bytes = encode(address);
    const written = call("pwrite64", this.#file.fd, bytes, bytes.length, 0);
    if (written !== bytes.length) throw new SysError("write", Errno.ENOSPC);
    if (bytes.length < this.#length) call("ftruncate", this.#file.fd, bytes.length);
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }
}
