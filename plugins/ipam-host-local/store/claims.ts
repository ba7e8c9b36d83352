/**
 * Addresses that are kept for somebody who may come back: two folders of symbolic links below a root, `names` (what a
 * claimant had last, as a list) and `addresses` (who has a claim to it). A claim ends when its time is over, which
 * counts from the link's modification time. That moves on whenever the address is taken or given up, and where the
 * time is over while somebody holds it. A claim never makes an ADD fail: an address is given to someone else before
 * one goes without.
 */

import { hash32 } from "../../../pkg/link/attachment.ts";
import { realtimeMs } from "../../../pkg/sys/clock.ts";
import { Errno, isSysError } from "../../../pkg/sys/errno.ts";
import {
  findTarget,
  listDirectory,
  makeDirectories,
  rename,
  symlink,
  unlink,
} from "../../../pkg/sys/file.ts";
import { stat } from "../../../pkg/sys/statx.ts";
import { attempt, check } from "../../../pkg/sys/syscall.ts";
import { isReservationName, nameOf, type Owner } from "./reservation.ts";

/** NAME_MAX less room for a digest and a suffix. */
const longestName = 220;

/** AT_*, linux/fcntl.h */
const At = { currentDirectory: -100, symlinkNoFollow: 0x100 } as const;

/** What claimants by a template begin with; a container id cannot. */
const stickySign = "+";

/** The claimant that an attachment itself is: after a boot it may come back. */
export function attachmentClaimant(owner: Owner): string {
  return shorten(nameOf(owner));
}

/** The claimant that a key is, such as a namespace and a pod name, for one of its interfaces. */
export function stickyClaimant(key: string, ifName: string): string {
  return shorten(`${stickySign}${encodeURIComponent(key)}:${encodeURIComponent(ifName)}`);
}

/** Where claims are, and what they depend on. */
export interface ClaimsPlace {
  /** The folder; the first claim makes it. */
  readonly root: string;
  readonly timeToLiveMs: number;
  /** Whether an address has a reservation. */
  readonly isHeld: (address: string) => boolean;
}

export class Claims {
  readonly #names: string;
  readonly #addresses: string;
  readonly #timeToLiveMs: number;
  readonly #isHeld: (address: string) => boolean;
  #exist: boolean | undefined;

  constructor({ root, timeToLiveMs, isHeld }: ClaimsPlace) {
    this.#names = `${root}/names`;
    this.#addresses = `${root}/addresses`;
    this.#timeToLiveMs = timeToLiveMs;
    this.#isHeld = isHeld;
  }

  /** Whether there may be any claim: on most hosts there is none. */
  get exist(): boolean {
    this.#exist ??= attempt("faccessat", At.currentDirectory, this.#addresses, 0, 0) === 0;
    return this.#exist;
  }

  /** The addresses that a claimant has a claim to. */
  addressesOf(claimant: string): string[] {
    if (!this.exist) return [];
    const text = ifUsable(() => findTarget(`${this.#names}/${claimant}`));
    if (text === undefined) return [];
    const addresses = text.split(" ").filter(isReservationName);
    return addresses.filter((address) => this.#claimantOf(address) === claimant);
  }

  /** Whether an address is kept for someone else than these. */
  isKept(address: string, claimants: readonly string[]): boolean {
    if (!this.exist) return false;
    const claimant = this.#claimantOf(address);
    return claimant !== undefined && !claimants.includes(claimant);
  }

  /** Makes these the addresses that a claimant has a claim to. */
  set(claimant: string, addresses: readonly string[]): void {
    for (const former of this.addressesOf(claimant)) {
      if (!addresses.includes(former)) unlink(`${this.#addresses}/${former}`);
    }
    if (addresses.length === 0) unlink(`${this.#names}/${claimant}`);
    else this.#put(claimant, addresses, addresses);
  }

  /** Adds an address to a claimant's. */
  add(claimant: string, address: string): void {
    const list = [...new Set([...this.addressesOf(claimant), address])];
    this.#put(claimant, list, [address]);
  }

  /** Counts the time of an address's claim from now; false if there is none. */
  touch(address: string): boolean {
    const path = `${this.#addresses}/${address}`;
    const result = attempt("utimensat", At.currentDirectory, path, null, At.symlinkNoFollow);
    if (result === -Errno.ENOENT) return false;
    check(result, "touch", address);
    return true;
  }

  /** Ends the claim to an address. */
  drop(address: string): void {
    unlink(`${this.#addresses}/${address}`);
  }

  /** The addresses that somebody has a claim to, or had: one whose time is over counts as kept until it is looked at. */
  all(): string[] {
    return ifUsable(() => listDirectory(this.#addresses)) ?? [];
  }

  /** The addresses that are kept, the one whose claim is oldest first. */
  byAge(): string[] {
    const aged = this.all().map((address) => ({ address, since: this.#sinceMs(address) ?? 0 }));
    return aged.sort((a, b) => a.since - b.since).map(({ address }) => address);
  }

  /** Removes claims whose time is over, and claimants without any. */
  prune(): void {
    for (const address of this.byAge()) this.#claimantOf(address);
    for (const claimant of ifUsable(() => listDirectory(this.#names)) ?? []) {
      if (this.addressesOf(claimant).length === 0) unlink(`${this.#names}/${claimant}`);
    }
  }

  /** Makes a claimant's list, and him the claimant of those that are new in it. */
  #put(claimant: string, list: readonly string[], added: readonly string[]): void {
    this.#exist = true;
    replaceLink(this.#names, claimant, list.join(" "));
    for (const address of added) replaceLink(this.#addresses, address, claimant);
  }

  /** Who has a claim to an address; one whose time is over is removed, or begins again if the address is held. */
  #claimantOf(address: string): string | undefined {
    const claimant = ifUsable(() => findTarget(`${this.#addresses}/${address}`));
    if (claimant === undefined) return undefined;
    const since = this.#sinceMs(address);
    if (since !== undefined && realtimeMs() - since < this.#timeToLiveMs) return claimant;
    const isHeld = this.#isHeld(address);
    ifUsable(() => (isHeld ? this.touch(address) : this.drop(address)));
    return isHeld ? claimant : undefined;
  }

  #sinceMs(address: string): number | undefined {
    const link = ifUsable(() => stat(`${this.#addresses}/${address}`, { follow: false }));
    return link && Number(link.mtimeNs / 1_000_000n);
  }
}

/** Claims that cannot be read are none, and what cannot be ended or renewed now will be another time. */
function ifUsable<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (isSysError(error)) return undefined;
    throw error;
  }
}

function replaceLink(folder: string, name: string, target: string): void {
  const path = `${folder}/${name}`;
  if (isNewLink(target, path)) return;
  // Of no claimant's shape, nor an address's.
  const temporary = `${folder}/.new`;
  makeDirectories(folder, 0o700);
  unlink(temporary);
  symlink(target, temporary);
  rename(temporary, path);
}

/** Most names are new, and their folder is not: one call, where a boot has thousands to be kept. */
function isNewLink(target: string, path: string): boolean {
  try {
    symlink(target, path);
    return true;
  } catch (error) {
    if (isSysError(error, Errno.EEXIST, Errno.ENOENT)) return false;
    throw error;
  }
}

/** Container ids and keys may be longer than a file's name. */
function shorten(name: string): string {
  if (name.length <= longestName) return name;
  return `${name.slice(0, longestName)}~${hash32(name, 0)}${hash32(name, 1)}`;
}
