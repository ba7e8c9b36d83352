/**
 * The reservations of one network, in the reference's files: a file per address in `<dataDir>/<network>/`, naming its
 * owner, and a lock. Both suites can work on one directory in turn or at once.
 */

import { CniError, ErrorCode, toCniError } from "../../pkg/cni/error.ts";
import { parseAddress } from "../../pkg/ip/address.ts";
import { Errno, isSysError, SysError } from "../../pkg/sys/errno.ts";
import type { Fd } from "../../pkg/sys/fd.ts";
import {
  ifPresent,
  listDirectory,
  OpenFlag,
  openDirectory,
  openFile,
  unlink,
} from "../../pkg/sys/file.ts";
import { lock } from "../../pkg/sys/lock.ts";
import { encode } from "../../pkg/sys/text.ts";
import { createExclusive, replaceFile, temporaryPrefix } from "../../pkg/sys/whole-file.ts";
import { LastReserved } from "./last-reserved.ts";
import { type Holding, OwnerIndex } from "./owner-index.ts";
import { formatOwner, listReserved, type Owner, readOwner } from "./reservation.ts";

/** Where a network's reservations are, and who is asking. */
export interface StorePlace {
  readonly dataDir: string;
  readonly network: string;
  /** Readable when waiting for the lock is to end; -1 for never. */
  readonly cancelFd: number;
  readonly log: (line: string) => void;
}

/** A thousand others may wait in front of us; a process that is stuck for longer is not going to move. */
const lockTimeoutMs = 30_000;

/**
 * A network's reservations, locked for as long as this is open. What was reserved without a `commit` is given back
 * at the end.
 */
export class Store implements Disposable {
  readonly path: string;
  readonly #log: (line: string) => void;
  readonly #directory: Fd;
  readonly #lock: Fd;
  readonly #indexRoot: string;
  #index: OwnerIndex | undefined;
  /** What containers hold: those asked about, or all of them once the files were read. */
  #holdings = new Map<string, Holding[]>();
  readonly #dirty = new Set<string>();
  readonly #uncommitted: { address: string; containerId: string }[] = [];
  #changed = false;

  private constructor(place: StorePlace, directory: Fd, lockFile: Fd) {
    this.path = pathOf(place);
    this.#log = place.log;
    this.#directory = directory;
    this.#lock = lockFile;
    // A network's name cannot begin with a dot, so this is nobody's directory of reservations.
    this.#indexRoot = `${place.dataDir}/.tscni/${place.network}/owners`;
  }

  /** Opens and locks a network's reservations; the directory is made if it is missing. */
  static open(place: StorePlace): Store {
    return Store.#open(place, openDirectory(pathOf(place), 0o700));
  }

  /** As `open`, but undefined where there is no directory. */
  static find(place: StorePlace): Store | undefined {
    const directory = ifPresent(() => openDirectory(pathOf(place)));
    return directory && Store.#open(place, directory);
  }

  static #open(place: StorePlace, directory: Fd): Store {
    let opened: Disposable = directory;
    try {
      const store = new Store(place, directory, takeLock(directory, place));
      opened = store;
      store.#load();
      return store;
    } catch (error) {
      opened[Symbol.dispose]();
      throw error;
    }
  }

  /** What a container holds, by what the files say. */
  holdingsOf(containerId: string): readonly Holding[] {
    return this.#known(containerId);
  }

  /** Every container with what it holds, read from the files. */
  allHoldings(): ReadonlyMap<string, readonly Holding[]> {
    this.#distrustIndex();
    return this.#holdings;
  }

  /** The addresses with a reservation file, whole or torn. */
  reservedAddresses(): string[] {
    return listReserved(this.#directory);
  }

  /** Whether an address's file names nobody: such an address is free. */
  isTorn(address: string): boolean {
    return readOwner(this.#directory, address) === "torn";
  }

  /** Reserves an address; false if it is taken. */
  reserve(address: string, owner: Owner): boolean {
    const { containerId, ifName } = owner;
    const known = this.#known(containerId);
    const bytes = encode(formatOwner(owner));
    if (!this.#create(address, bytes)) return false;
    this.#uncommitted.push({ address, containerId });
    known.push({ address, ifName });
    this.#touch(containerId);
    return true;
  }

  /** Gives up an address of a container. */
  release(containerId: string, address: string): void {
    const known = this.#known(containerId);
    this.#withPath(address, () => unlink(address, this.#directory));
    const at = known.findIndex((holding) => holding.address === address);
    if (at >= 0) known.splice(at, 1);
    this.#touch(containerId);
  }

  /** Removes what crashed processes left: torn reservations and unfinished files. */
  removeLitter(): void {
    for (const name of listDirectory(this.#directory)) {
      const torn = parseAddress(name) && this.isTorn(name);
      if (!torn && !name.startsWith(temporaryPrefix)) continue;
      unlink(name, this.#directory);
      this.#changed = true;
      this.#log(`removed "${this.path}/${name}": empty, torn or unfinished`);
    }
  }

  /** Where the walk through a range set stopped. */
  lastReserved(setIndex: number): LastReserved {
    const name = `last_reserved_ip.${setIndex}`;
    const last = this.#withPath(name, () => new LastReserved(this.#directory, name));
    this.#changed = true; // the file may be new
    return last;
  }

  /** What was reserved stays. */
  commit(): void {
    this.#uncommitted.length = 0;
  }

  [Symbol.dispose](): void {
    for (const { address, containerId } of this.#uncommitted) this.#takeBack(address, containerId);
    if (this.#changed) this.#ifIndexWorks(() => this.#updateIndex());
    this.#index?.[Symbol.dispose]();
    this.#lock[Symbol.dispose]();
    this.#directory[Symbol.dispose]();
  }

  #load(): void {
    this.#index = this.#ifIndexWorks(() => OwnerIndex.open(this.#indexRoot, this.#directory));
    if (!this.#index) this.#readAll();
  }

  #takeBack(address: string, containerId: string): void {
    try {
      this.release(containerId, address);
    } catch (error) {
      // The error that brought us here is the one to tell.
      this.#log(`cannot take back ${address}: ${toCniError(error).message}`);
    }
  }

  /** Not synced: a power cut that loses the file ends every container as well, and one it tears counts as free. */
  #create(address: string, bytes: Uint8Array): boolean {
    return this.#withPath(address, () => {
      if (createExclusive(this.#directory, address, bytes)) return true;
      if (!this.isTorn(address)) return false;
      replaceFile(this.#directory, address, bytes);
      this.#log(`took ${address}: "${this.path}/${address}" was empty or torn`);
      return true;
    });
  }

  /** Has an error name the file by its whole path. */
  #withPath<T>(name: string, act: () => T): T {
    try {
      return act();
    } catch (error) {
      if (!isSysError(error)) throw error;
      throw new SysError(error.call, error.errno, `${this.path}/${name}`);
    }
  }

  #touch(containerId: string): void {
    this.#dirty.add(containerId);
    this.#changed = true;
  }

  /** The list that changes as the container's reservations do. */
  #known(containerId: string): Holding[] {
    let known = this.#holdings.get(containerId);
    if (!known) {
      if (this.#index) known = this.#ifIndexWorks(() => this.#lookUp(containerId));
      if (this.#index && !known) this.#distrustIndex();
      known ??= this.#holdings.get(containerId) ?? [];
      this.#holdings.set(containerId, known);
    }
    return known;
  }

  /** What the index says, if the files say so too. */
  #lookUp(containerId: string): Holding[] | undefined {
    const holdings = this.#index?.holdingsOf(containerId);
    const confirmed = holdings?.every(({ address, ifName }) => {
      const owner = readOwner(this.#directory, address);
      return isOwner(owner) && owner.containerId === containerId && owner.ifName === ifName;
    });
    return confirmed ? holdings : undefined;
  }

  #distrustIndex(): void {
    this.#index?.[Symbol.dispose]();
    this.#index = undefined;
    this.#readAll();
  }

  #readAll(): void {
    this.#holdings = new Map();
    for (const address of this.reservedAddresses()) {
      const owner = readOwner(this.#directory, address);
      if (!isOwner(owner)) continue;
      const holding = { address, ifName: owner.ifName };
      const others = this.#holdings.get(owner.containerId);
      if (others) others.push(holding);
      else this.#holdings.set(owner.containerId, [holding]);
    }
  }

  #updateIndex(): void {
    if (this.#index) {
      for (const containerId of this.#dirty) this.#index.put(containerId, this.#known(containerId));
    } else {
      this.#index = OwnerIndex.rebuild(this.#indexRoot, this.#holdings);
    }
    this.#index.seal(this.#directory);
  }

  /** The index makes things fast, never impossible: without it, the files are read as the reference reads them. */
  #ifIndexWorks<T>(act: () => T): T | undefined {
    try {
      return act();
    } catch (error) {
      if (!isSysError(error)) throw error;
      this.#log(`cannot use the index in "${this.#indexRoot}": ${error.message}`);
      return undefined;
    }
  }
}

function pathOf({ dataDir, network }: StorePlace): string {
  return `${dataDir}/${network}`;
}

/** Takes the lock that the reference takes, too. Throws code 11 when it cannot be had in time. */
function takeLock(directory: Fd, place: StorePlace): Fd {
  const path = `${pathOf(place)}/lock`;
  let file: Fd | undefined;
  try {
    file = openFile("lock", OpenFlag.readOnly | OpenFlag.create, 0o600, directory);
    lock(file, lockTimeoutMs, place.cancelFd);
    return file;
  } catch (error) {
    file?.[Symbol.dispose]();
    if (!isSysError(error)) throw error;
    const { call, errno } = error;
    if (errno !== Errno.ETIMEDOUT && errno !== Errno.EINTR) throw new SysError(call, errno, path);
    const outcome =
      errno === Errno.EINTR
        ? "interrupted"
        : `another process has held it for ${lockTimeoutMs / 1000} s`;
    throw new CniError(ErrorCode.tryAgainLater, `cannot lock "${path}": ${outcome}`);
  }
}

function isOwner(found: Owner | "torn" | "unknown"): found is Owner {
  return typeof found === "object";
}
