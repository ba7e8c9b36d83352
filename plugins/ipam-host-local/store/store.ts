/**
 * The reservations of one network, in the reference's files: a file per address in `<dataDir>/<network>/`, naming its
 * owner, and a lock. Both suites can work on one directory in turn or at once.
 */

import { toCniError } from "../../../pkg/cni/error.ts";
import { Errno, isSysError } from "../../../pkg/sys/errno.ts";
import type { Fd } from "../../../pkg/sys/fd.ts";
import { ifPresent, openDirectory } from "../../../pkg/sys/file.ts";
import { Claims } from "./claims.ts";
import type { LastReserved } from "./last-reserved.ts";
import { lockTimeoutMs, takeLock } from "./lock.ts";
import { readBootId, readMachineId } from "./origin.ts";
import { type Held, nothingHeld } from "./owner-index.ts";
import { Reclaim } from "./reclaim.ts";
import {
  type Holder,
  listReserved,
  nameOf,
  type Owner,
  readHolders,
  readOwner,
} from "./reservation.ts";
import { ReservationFiles } from "./reservation-files.ts";
import { madeElsewhere, SideIndex, type SideIndexPlace } from "./side-index.ts";

/** Where a network's reservations are, and who is asking. */
export interface StorePlace {
  readonly dataDir: string;
  readonly network: string;
  /** Readable when waiting for the lock is to end; -1 for never. */
  readonly cancelFd: number;
  readonly lockTimeoutMs?: number;
  /** Whether to take back what this machine reserved before its latest boot. */
  readonly reclaim: boolean;
  /** How long an address is kept for somebody who gave it up. */
  readonly claimMs: number;
  readonly log: (line: string) => void;
}

/**
 * A network's reservations, locked for as long as this is open. What was reserved without a `commit` is given back
 * at the end.
 */
export class Store implements Disposable {
  readonly path: string;
  readonly claims: Claims;
  readonly #place: StorePlace;
  readonly #directory: Fd;
  readonly #lock: Fd;
  readonly #files: ReservationFiles;
  readonly #side: SideIndexPlace;
  readonly #reclaim: Reclaim;
  #index: SideIndex | undefined;
  /** What attachments hold: those asked about, or all of them if there is no index. */
  #holders = new Map<string, Holder>();
  readonly #dirty = new Set<Holder>();
  readonly #added = new Set<string>();
  readonly #removed = new Set<string>();
  readonly #uncommitted: { address: string; owner: Owner }[] = [];
  #isRefreshed = false;

  private constructor(place: StorePlace, directory: Fd, boot: string) {
    this.path = pathOf(place);
    this.#place = place;
    this.#directory = directory;
    this.#files = new ReservationFiles(directory, this.path, place.log);
    // A network's name cannot begin with a dot, so this is nobody's directory of reservations.
    const root = `${place.dataDir}/.tscni/${place.network}`;
    this.#side = { root, directory, boot, machineId: once(readMachineId) };
    this.claims = new Claims({
      root: `${root}/claims`,
      timeToLiveMs: place.claimMs,
      isHeld: (address) => this.#files.has(address),
    });
    this.#reclaim = new Reclaim(this.#side, this.claims, (act) => this.aside(act));
    const { cancelFd, lockTimeoutMs: timeoutMs = lockTimeoutMs } = place;
    this.#lock = takeLock({ path: this.path, directory, timeoutMs, cancelFd });
  }

  /** Opens and locks a network's reservations; the directory is made if it is missing. */
  static open(place: StorePlace): Store {
    return Store.#open(place, openDirectory(pathOf(place), 0o700));
  }

  /** As `open`, but undefined where there is no directory, or nothing in it and no way to make the lock. */
  static find(place: StorePlace): Store | undefined {
    const directory = ifPresent(() => openDirectory(pathOf(place)));
    if (!directory) return undefined;
    try {
      return Store.#open(place, directory);
    } catch (error) {
      // As an ADD leaves it that got no further than this on a full disk: its DEL must not fail for ever.
      const isFull = isSysError(error, Errno.ENOSPC, Errno.EDQUOT, Errno.EROFS);
      if (isFull && isEmpty(pathOf(place))) return undefined;
      throw error;
    }
  }

  static #open(place: StorePlace, directory: Fd): Store {
    let opened: Disposable = directory;
    try {
      const store = new Store(place, directory, readBootId());
      opened = store;
      store.#load();
      return store;
    } catch (error) {
      opened[Symbol.dispose]();
      throw error;
    }
  }

  /** What an attachment holds, by what the files say. */
  heldBy(owner: Owner): Held {
    return this.#holder(owner);
  }

  /**
   * Everyone who holds something, read from the files; without what other machines are known to have reserved, and
   * what is to be taken back.
   */
  everyHolder(): Holder[] {
    const others = new Set([...madeElsewhere(this.#side), ...(this.#index?.old() ?? [])]);
    return [...readHolders(this.#directory, others).values()];
  }

  /** The addresses with a reservation file, whole or torn. */
  reservedAddresses(): string[] {
    return this.#files.list();
  }

  /** Whether an address's file names nobody: such an address is free. */
  isTorn(address: string): boolean {
    return this.#files.isTorn(address);
  }

  /** Reserves an address; false if it is taken. */
  reserve(address: string, owner: Owner): boolean {
    const holder = this.#holder(owner);
    if (!this.#files.create(address, owner)) return false;
    this.#uncommitted.push({ address, owner });
    holder.addresses.push(address);
    this.#dirty.add(holder);
    this.#removed.delete(address);
    this.#added.add(address);
    return true;
  }

  /** Takes an address back that was reserved before the latest boot; false if it was not. */
  reclaim(address: string): boolean {
    return this.aside(() => this.#index && this.#reclaim.one(this.#index, address)) ?? false;
  }

  /** Takes some of those back; false if there are none. */
  reclaimSome(): boolean {
    return this.aside(() => this.#index && this.#reclaim.some(this.#index)) ?? false;
  }

  /** Notes for which namespace an attachment holds what it holds. */
  setNamespace(owner: Owner, namespace: string): void {
    const holder = this.#holder(owner);
    if (holder.namespace === namespace) return;
    holder.namespace = namespace;
    this.#dirty.add(holder);
  }

  /** Gives up an address of an attachment. */
  release(address: string, owner: Owner): void {
    const holder = this.#holder(owner);
    this.#files.remove(address);
    holder.addresses = holder.addresses.filter((other) => other !== address);
    this.#dirty.add(holder);
    this.#added.delete(address);
    this.#removed.add(address);
  }

  /** Removes what crashed processes left: torn reservations and unfinished files. */
  removeLitter(): void {
    for (const name of this.#files.removeLitter()) this.#removed.add(name);
  }

  /** Where the walk through a range set stopped. */
  lastReserved(setIndex: number): LastReserved {
    return this.#files.lastReserved(setIndex);
  }

  /** What was reserved stays; the value is which addresses that is. */
  commit(): string[] {
    return this.#uncommitted.splice(0).map(({ address }) => address);
  }

  /** Does something in the side folder, which makes things fast or pleasant, but never impossible. */
  aside<T>(act: () => T): T | undefined {
    try {
      return act();
    } catch (error) {
      if (!isSysError(error)) throw error;
      this.#place.log(`cannot use "${this.#side.root}": ${error.message}`);
      return undefined;
    }
  }

  [Symbol.dispose](): void {
    for (const { address, owner } of this.#uncommitted) this.#takeBack(address, owner);
    this.aside(() => this.#updateIndex());
    const told = this.#reclaim.told(this.#index);
    if (told !== undefined) this.#place.log(told);
    this.#index?.[Symbol.dispose]();
    this.#lock[Symbol.dispose]();
    this.#directory[Symbol.dispose]();
  }

  #load(): void {
    this.#index = this.aside(() => SideIndex.open(this.#side));
    if (!this.#index) this.#refresh(true);
  }

  /** Brings the index up to date; where that cannot be, reads all files as the reference does. */
  #refresh(trusted: boolean): void {
    this.#index?.[Symbol.dispose]();
    this.#isRefreshed = true;
    this.#index = this.aside(() => this.#refreshed(trusted));
    if (this.#index) this.reclaimSome();
    else this.#holders = readHolders(this.#directory);
  }

  #refreshed(trusted: boolean): SideIndex {
    return SideIndex.refresh(this.#side, {
      trusted,
      reclaims: (folder) => this.#place.reclaim && this.#reclaim.chooses(folder),
    });
  }

  #takeBack(address: string, owner: Owner): void {
    try {
      this.release(address, owner);
    } catch (error) {
      // The error that brought us here is the one to tell.
      this.#place.log(`cannot take back ${address}: ${toCniError(error).message}`);
    }
  }

  #holder(owner: Owner): Holder {
    const name = nameOf(owner);
    let holder = this.#holders.get(name);
    if (!holder) {
      const held = (this.#index && this.#lookUp(owner)) ?? nothingHeld;
      // What he has from before the boot is not his own any more, though it is kept for him.
      const addresses = held.addresses.filter((address) => !this.reclaim(address));
      holder = { owner, addresses, namespace: addresses.length > 0 ? held.namespace : "" };
      this.#holders.set(name, holder);
    }
    return holder;
  }

  /** What the index says, if the files say so too; else what the files say. */
  #lookUp(owner: Owner): Held | undefined {
    const held = this.aside(() => this.#index?.heldBy(owner));
    const isRight = held?.addresses.every((address) => {
      const found = readOwner(this.#directory, address);
      return typeof found === "object" && nameOf(found) === nameOf(owner);
    });
    if (isRight) return held;
    if (held) this.#refresh(false);
    return readHolders(this.#directory).get(nameOf(owner));
  }

  #updateIndex(): void {
    const isChanged = this.#dirty.size > 0 || this.#added.size > 0 || this.#removed.size > 0;
    if (!this.#index || !(isChanged || this.#isRefreshed)) return;
    for (const holder of this.#dirty) this.#index.put(holder.owner, holder);
    for (const address of this.#removed) this.#index.removeFile(address);
    for (const address of this.#added) this.#index.addFile(address);
    this.#index.seal();
  }
}

function isEmpty(path: string): boolean {
  using directory = openDirectory(path);
  return listReserved(directory).length === 0;
}

function pathOf({ dataDir, network }: StorePlace): string {
  return `${dataDir}/${network}`;
}

function once(read: () => string): () => string {
  let value: string | undefined;
  return () => {
    value ??= read();
    return value;
  };
}
