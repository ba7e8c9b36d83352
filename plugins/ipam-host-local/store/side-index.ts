/**
 * The index beside the reservations: who holds what (owner-index.ts) and which files that was read from
 * (known-files.ts). Two rules keep it right through crashes: a file is linked after its owner's list names it, and a
 * list loses an address before the link goes. So whoever has a link is on his list, and what has none is read
 * again. A list may name too much; whoever uses it looks into the files it names.
 */

import type { Fd } from "../../../pkg/sys/fd.ts";
import { listInodes, unlink } from "../../../pkg/sys/file.ts";
import { KnownFiles, type KnownFolder } from "./known-files.ts";
import { type Held, OwnerIndex } from "./owner-index.ts";
import { isReservationName, nameOf, type Owner, readOwner } from "./reservation.ts";

/** Where the index is, and of what. */
export interface SideIndexPlace {
  /** The side folder of one network. */
  readonly root: string;
  /** The directory of reservations, locked. */
  readonly directory: Fd;
  readonly boot: string;
  readonly machineId: () => string;
}

/** How a refresh goes. */
export interface RefreshOptions {
  /** False to read all files again, for an index that was found wrong. */
  readonly trusted: boolean;
  /** Whether what a folder knows is to be taken back. */
  readonly reclaims: (folder: KnownFolder) => boolean;
}

/**
 * The most files that one refresh adds to the index. Beyond, it reads them only, as the reference does at each call,
 * and leaves the rest to those who come next: nobody waits for the index of sixty thousand.
 */
const mostAdded = 2000;

/** A file's state in a refresh, in place of the inode number that its name was listed with. */
const known = 0;
const unknown = -1;

/** What was read of one attachment. */
interface Found {
  readonly owner: Owner;
  readonly addresses: string[];
}

interface Gone {
  readonly folder: KnownFolder;
  readonly address: string;
}

export class SideIndex implements Disposable {
  readonly #place: SideIndexPlace;
  readonly #owners: OwnerIndex;
  readonly #files: KnownFiles;
  /** What was read but left to later refreshes. */
  readonly #left = new Map<string, Found>();
  /** What is to be taken back, and by which folder it is known. */
  readonly #old = new Map<string, KnownFolder>();
  readonly #oldFolders: KnownFolder[] = [];
  /** Whether a refresh had to leave something to the next. */
  #isComplete = true;
  /** Whether it could read every file. */
  #isReadable = true;

  private constructor(place: SideIndexPlace, owners: OwnerIndex) {
    this.#place = place;
    this.#owners = owners;
    this.#files = knownFiles(place);
  }

  /** The index, if nothing has changed since it was sealed, and no boot has gone by. */
  static open(place: SideIndexPlace): SideIndex | undefined {
    const owners = OwnerIndex.open(ownersIn(place), place.directory, place.boot);
    return owners && new SideIndex(place, owners);
  }

  /** The index, brought up to date. */
  static refresh(place: SideIndexPlace, options: RefreshOptions): SideIndex {
    const root = ownersIn(place);
    const taken = options.trusted ? OwnerIndex.take(root) : undefined;
    const index = new SideIndex(place, taken ?? OwnerIndex.start(root));
    try {
      index.#refresh(options, taken === undefined);
      return index;
    } catch (error) {
      index[Symbol.dispose]();
      throw error;
    }
  }

  /** What an attachment holds, and perhaps more; undefined where the index cannot tell. */
  heldBy(owner: Owner): Held | undefined {
    const held = this.#owners.heldBy(owner);
    const left = this.#left.get(nameOf(owner));
    return held && left ? { ...held, addresses: union(held.addresses, left.addresses) } : held;
  }

  /** Notes what an attachment holds from now on. */
  put(owner: Owner, held: Held): void {
    this.#owners.put(owner, held);
  }

  /** Notes a reservation that this suite has just made, after its owner's list was put. */
  addFile(address: string): void {
    this.#files.addOwn(address);
  }

  /** Forgets one that was removed, after its owner's list was put. */
  removeFile(address: string): void {
    this.#files.remove(address);
  }

  /** The addresses that are to be taken back. */
  old(): string[] {
    return [...this.#old.keys()];
  }

  /** Takes one of those back; false for another. `keep` is told whose it was, with the reservation still there. */
  reclaim(address: string, keep: (owner: Owner | undefined) => void): boolean {
    const folder = this.#old.get(address);
    if (folder === undefined) return false;
    const found = readOwner(this.#place.directory, address);
    const owner = typeof found === "object" ? found : undefined;
    keep(owner);
    unlink(address, this.#place.directory);
    if (owner) this.#takeFrom(owner, address);
    this.#files.removeFrom(folder, address);
    this.#old.delete(address);
    return true;
  }

  /** Declares the index to be that of the reservations as they are now, if all of them are in it. */
  seal(): void {
    if (!this.#isComplete || !this.#isReadable || this.#old.size > 0) return;
    for (const folder of this.#oldFolders.splice(0)) this.#files.prune(folder);
    this.#owners.seal(this.#place.directory, this.#place.boot);
  }

  [Symbol.dispose](): void {
    this.#owners[Symbol.dispose]();
  }

  #refresh(options: RefreshOptions, isNew: boolean): void {
    const present = listInodes(this.#place.directory);
    const folders = this.#files.folders();
    // Lists that are empty lack what has a link, if anything has.
    const trusted = !isNew || folders.every(({ inodes }) => inodes.size === 0);
    const gone: Gone[] = [];
    for (const folder of folders) {
      gone.push(...matchLinks(folder, present));
      if (options.reclaims(folder)) this.#noteOld(folder, present);
      if (folder.inodes.size === 0) this.#files.prune(folder);
    }
    this.#forget(gone, present, trusted);
    this.#readFiles(present, trusted);
    // Of a file that has a link, and that only the lists lack, nobody would think again.
    if (trusted || this.#isReadable) this.#owners.finish();
  }

  /** Of a name that leads to another file by now nothing is taken back: that is somebody else's. */
  #noteOld(folder: KnownFolder, present: ReadonlyMap<string, number>): void {
    this.#oldFolders.push(folder);
    for (const address of folder.inodes.keys()) {
      if (present.get(address) === known) this.#old.set(address, folder);
    }
  }

  /** Takes files that are gone off the lists of those who held them. */
  #forget(gone: readonly Gone[], present: Map<string, number>, trusted: boolean): void {
    if (gone.length > mostAdded) this.#isComplete = false;
    for (const { folder, address } of gone.slice(0, mostAdded)) {
      if (trusted) this.#takeFromOwner(folder, address);
      this.#files.removeFrom(folder, address);
      // There is a file of this name again, which may well be the same owner's: it has to be read after this.
      if (present.has(address)) present.set(address, unknown);
    }
  }

  /** The link still has the content that the reservation had. */
  #takeFromOwner(folder: KnownFolder, address: string): void {
    using links = this.#files.open(folder.name);
    const owner = readOwner(links, address);
    if (typeof owner === "object") this.#takeFrom(owner, address);
  }

  #takeFrom(owner: Owner, address: string): void {
    const held = this.#owners.heldBy(owner);
    if (!held?.addresses.includes(address)) return;
    const addresses = held.addresses.filter((other) => other !== address);
    this.#owners.put(owner, { ...held, addresses });
  }

  /** Reads the files that have no link, or all of them, and notes whose they are. */
  #readFiles(present: ReadonlyMap<string, number>, trusted: boolean): void {
    const found = new Map<string, Found>();
    const unlinked: string[] = [];
    for (const [address, state] of present) {
      if ((trusted && state === known) || !isReservationName(address)) continue;
      const owner = readOwner(this.#place.directory, address);
      // Whoever comes next has to try again: an index without it would have its owner's DEL leave it.
      if (owner === "unreadable") this.#isReadable = false;
      if (typeof owner !== "object") continue;
      if (state !== known) unlinked.push(address);
      // Beyond the bound, what would be new in the index is not put there.
      const isLeft = trusted && unlinked.length > mostAdded;
      append(isLeft ? this.#left : found, owner, address);
    }
    for (const { owner, addresses } of found.values()) this.#addToOwner(owner, addresses);
    if (unlinked.length > mostAdded) this.#isComplete = false;
    for (const address of unlinked.slice(0, mostAdded)) {
      if (this.#files.addOther(address)) continue;
      // Without links the next refresh would find as much to do: all of it has to be done now.
      for (const { owner, addresses } of this.#left.values()) this.#addToOwner(owner, addresses);
      this.#left.clear();
      this.#isComplete = true;
      return;
    }
  }

  #addToOwner(owner: Owner, addresses: readonly string[]): void {
    const held = this.#owners.heldBy(owner);
    // A list that cannot be read is not made one that says too little.
    if (!held) return;
    this.#owners.put(owner, { ...held, addresses: union(held.addresses, addresses) });
  }
}

/**
 * The addresses whose reservations were made on other machines. Only the links tell, so this needs no index, and throws
 * where they cannot be read.
 */
export function madeElsewhere(place: SideIndexPlace): Set<string> {
  const present = listInodes(place.directory);
  const elsewhere = new Set<string>();
  const own = place.machineId();
  for (const { boot, machine, inodes } of knownFiles(place).folders()) {
    // A boot is one machine's, whatever that is called.
    if (machine === "" || machine === own || boot === place.boot) continue;
    for (const [address, inode] of inodes) {
      if (present.get(address) === inode) elsewhere.add(address);
    }
  }
  return elsewhere;
}

/** Marks the files that the folder's links lead to as known, and returns the links that lead elsewhere. */
function matchLinks(folder: KnownFolder, present: Map<string, number>): Gone[] {
  const gone: Gone[] = [];
  for (const [address, inode] of folder.inodes) {
    if (present.get(address) === inode) present.set(address, known);
    else gone.push({ folder, address });
  }
  return gone;
}

function knownFiles({ root, directory, boot, machineId }: SideIndexPlace): KnownFiles {
  return new KnownFiles(`${root}/files`, directory, boot, machineId);
}

function ownersIn({ root }: SideIndexPlace): string {
  return `${root}/owners`;
}

function union(a: readonly string[], b: readonly string[]): readonly string[] {
  return a.length === 0 ? b : [...new Set([...a, ...b])];
}

function append(to: Map<string, Found>, owner: Owner, address: string): void {
  const name = nameOf(owner);
  const entry = to.get(name);
  if (entry) entry.addresses.push(address);
  else to.set(name, { owner, addresses: [address] });
}
