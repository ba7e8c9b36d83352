/**
 * Which addresses a container holds, found without reading every reservation: a folder with a symbolic link per
 * container, named after it, whose target is the list `10.1.0.2=eth0 fd00::2=eth0`. A link is made and read whole by
 * one system call, and `ls -l` shows the index to a person.
 *
 * The reservation files stay the truth. What ties the index to them is the folder's own name: the modification time
 * that the directory of reservations was given, by us, after its latest change. That time is a whole second in the
 * past, which the kernel never sets; whoever else adds or removes a reservation moves the time on, and then there
 * is no folder of that name. The same holds after a crash at any point of a change, because the reservation always
 * comes first. An index that is not current is rebuilt from the files.
 */

import { parseAddress } from "../../pkg/ip/address.ts";
import { realtimeMs } from "../../pkg/sys/clock.ts";
import { Errno, isSysError } from "../../pkg/sys/errno.ts";
import type { Fd } from "../../pkg/sys/fd.ts";
import {
  ifPresent,
  listDirectory,
  OpenFlag,
  openDirectory,
  openFile,
  readLink,
  removeDirectory,
  rename,
  stat,
  symlink,
  unlink,
} from "../../pkg/sys/file.ts";
import { call } from "../../pkg/sys/syscall.ts";

/** One address of a container. `ifName` is empty where an old reservation does not tell. */
export interface Holding {
  readonly address: string;
  readonly ifName: string;
}

/** What the folder is called while it is being brought up to date. */
const unfinished = "rebuilding";

/** NAME_MAX, linux/limits.h */
const longestName = 255;

/** The containers' links in a folder below `root`. Its methods throw SysError where the folder cannot be used. */
export class OwnerIndex implements Disposable {
  readonly #root: string;
  readonly #folder: Fd;
  #name: string;

  private constructor(root: string, name: string, folder: Fd) {
    this.#root = root;
    this.#name = name;
    this.#folder = folder;
  }

  /** The index, if it is that of the reservations as they are now in `directory`. */
  static open(root: string, directory: Fd): OwnerIndex | undefined {
    const name = String(stat(directory).mtimeNs);
    const folder = ifPresent(() => openFolder(`${root}/${name}`));
    return folder && new OwnerIndex(root, name, folder);
  }

  /** Makes an index of exactly these containers out of whatever is there. Not current before it is sealed. */
  static rebuild(root: string, holdings: ReadonlyMap<string, readonly Holding[]>): OwnerIndex {
    const path = `${root}/${unfinished}`;
    {
      using rootFolder = openDirectory(root, 0o700);
      const [reusable, ...others] = listDirectory(rootFolder);
      for (const other of others) removeFolder(`${root}/${other}`);
      // From here on its content is in between: it must not be found by its old name.
      if (reusable !== undefined) rename(reusable, unfinished, rootFolder);
    }
    const index = new OwnerIndex(root, unfinished, openDirectory(path, 0o700));
    try {
      index.#reconcile(holdings);
    } catch (error) {
      index[Symbol.dispose]();
      throw error;
    }
    return index;
  }

  /** What a container holds; undefined where the index cannot tell. */
  holdingsOf(containerId: string): Holding[] | undefined {
    if (!canBeNamed(containerId)) return undefined;
    const text = ifPresent(() => readLink(containerId, this.#folder));
    return text === undefined ? [] : parseHoldings(text);
  }

  /** Notes what a container holds from now on. To be called after its reservations changed. */
  put(containerId: string, holdings: readonly Holding[]): void {
    if (!canBeNamed(containerId)) return;
    if (holdings.length === 0) {
      unlink(containerId, this.#folder);
      return;
    }
    const text = formatHoldings(holdings);
    try {
      symlink(text, containerId, this.#folder);
    } catch (error) {
      if (!isSysError(error, Errno.EEXIST)) throw error;
      unlink(containerId, this.#folder);
      symlink(text, containerId, this.#folder);
    }
  }

  /** Declares the index to be that of the reservations as they are now in `directory`. */
  seal(directory: Fd): void {
    // On a file system that keeps whole seconds only, a change made later in this second must show, too.
    const seconds = BigInt(Math.floor(realtimeMs() / 1000) - 1);
    const name = String(seconds * 1_000_000_000n);
    if (name !== this.#name) rename(`${this.#root}/${this.#name}`, `${this.#root}/${name}`);
    this.#name = name;
    setModificationTime(directory, seconds);
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }

  /** Writes only what differs: where both suites are used in turn, most of it does not. */
  #reconcile(holdings: ReadonlyMap<string, readonly Holding[]>): void {
    const missing = new Map(holdings);
    for (const containerId of listDirectory(this.#folder)) {
      const wanted = missing.get(containerId);
      if (wanted && readLink(containerId, this.#folder) === formatHoldings(wanted)) {
        missing.delete(containerId);
      } else {
        unlink(containerId, this.#folder);
      }
    }
    for (const [containerId, held] of missing) this.put(containerId, held);
  }
}

function openFolder(path: string): Fd {
  return openFile(path, OpenFlag.directory | OpenFlag.noFollow);
}

function removeFolder(path: string): void {
  {
    using folder = openFolder(path);
    for (const name of listDirectory(folder)) unlink(name, folder);
  }
  removeDirectory(path);
}

/** There is no limit to the length of a container id; one that is too long for a file name is left out. */
function canBeNamed(containerId: string): boolean {
  return containerId.length <= longestName;
}

function formatHoldings(holdings: readonly Holding[]): string {
  return holdings.map(({ address, ifName }) => `${address}=${ifName}`).join(" ");
}

/** Undefined for what `formatHoldings` cannot have written. */
function parseHoldings(text: string): Holding[] | undefined {
  const holdings = text.split(" ").map((entry) => {
    const [address = "", ...ifName] = entry.split("=");
    return { address, ifName: ifName.join("=") };
  });
  return holdings.every(({ address }) => parseAddress(address)) ? holdings : undefined;
}

/** UTIME_OMIT, linux/stat.h */
const leaveAsIs = 0x3ffffffen;

function setModificationTime(directory: Fd, seconds: bigint): void {
  // Two struct timespec: access, modification.
  const times = new BigInt64Array([0n, leaveAsIs, seconds, 0n]);
  call("utimensat", directory.fd, null, new Uint8Array(times.buffer), 0);
}
