/**
 * The reservation files that the index knows: a hard link to each, called by the same name, in one folder for those
 * that this suite made in one boot of one machine, and in another for those that somebody else made.
 *
 * A hard link keeps its file's inode number from being given out again. So a name that has the same number in both
 * places is the very file that was read once; and since both suites make reservations whole and never change them,
 * its content is known. Listing the folders tells what has changed behind our back without opening a file, and the
 * link of a file that was removed still tells whose it was. Which folder a link is in proves who made the file,
 * for which its name alone would not do: the other suite may have used the address since.
 */

import { Errno } from "../../../pkg/sys/errno.ts";
import type { Fd } from "../../../pkg/sys/fd.ts";
import {
  ifPresent,
  listDirectory,
  listInodes,
  openDirectory,
  readLink,
  removeDirectory,
  rename,
  symlink,
  unlink,
} from "../../../pkg/sys/file.ts";
import { attempt, check } from "../../../pkg/sys/syscall.ts";

/** The folder of files made by somebody else, or nobody knows when. */
const others = "other";

/** Beside the links of a boot, one that names the machine. */
const machineLink = "machine";

/** In front of a boot's name while the machine is not noted: /etc/machine-id may come late in a first boot. */
const nameless = ".";

/** AT_FDCWD, linux/fcntl.h */
const currentDirectory = -100;

/** Where there are no hard links, not of this file, or not from one folder to the other. */
const unsupported = [-Errno.EPERM, -Errno.EOPNOTSUPP, -Errno.ENOSYS, -Errno.EMLINK, -Errno.EXDEV];

/** A folder of links. */
export interface KnownFolder {
  readonly name: string;
  /** The boot in which its files were made; empty where that is not known. */
  readonly boot: string;
  /** Empty where it is not known. */
  readonly machine: string;
  readonly inodes: ReadonlyMap<string, number>;
}

/** The links below `root`, which need not exist yet, to the files of `directory`. */
export class KnownFiles {
  readonly #root: string;
  readonly #directory: Fd;
  /** The folder for what this suite makes now. */
  readonly #own: string;
  readonly #machineId: () => string;

  /** `boot` may be empty: then nothing is known to be ours. */
  constructor(root: string, directory: Fd, boot: string, machineId: () => string) {
    this.#root = root;
    this.#directory = directory;
    this.#own = boot || others;
    this.#machineId = machineId;
  }

  /** Notes a reservation that this suite has just made. */
  addOwn(address: string): void {
    this.#link(address, this.#own);
  }

  /** Notes one that was found and read; false where that cannot be. */
  addOther(address: string): boolean {
    return this.#link(address, others);
  }

  /** Forgets a reservation that is gone. What is in the folder of an earlier boot stays; a refresh finds it. */
  remove(address: string): void {
    const folders = new Set([this.#own, others, `${nameless}${this.#own}`]);
    for (const folder of folders) if (unlink(`${this.#root}/${folder}/${address}`)) return;
  }

  removeFrom(folder: KnownFolder, address: string): void {
    unlink(`${this.#root}/${folder.name}/${address}`);
  }

  /** Every folder with its links. */
  folders(): KnownFolder[] {
    const names = ifPresent(() => listDirectory(this.#root)) ?? [];
    return names.map((name) => {
      using folder = this.open(name);
      const inodes = listInodes(folder);
      const noted = inodes.delete(machineLink) ? readLink(machineLink, folder) : "";
      const isOwn = name === this.#own && name !== others;
      const machine = isOwn ? this.#renew(noted, folder) : noted;
      return { name, boot: bootOf(name), machine, inodes };
    });
  }

  /** A folder, to read files whose names may be gone elsewhere. */
  open(name: string): Fd {
    return openDirectory(`${this.#root}/${name}`);
  }

  /** Removes the folder of an earlier boot once nothing is left in it. */
  prune({ name, boot }: KnownFolder): void {
    if (name === others || boot === this.#own) return;
    {
      using folder = this.open(name);
      if (listDirectory(folder).some((entry) => entry !== machineLink)) return;
      unlink(machineLink, folder);
    }
    removeDirectory(`${this.#root}/${name}`);
  }

  #link(address: string, folder: string): boolean {
    let path = `${this.#root}/${folder}/${address}`;
    let result = this.#tryLink(address, path);
    if (result === -Errno.ENOENT) {
      path = `${this.#root}/${this.#makeFolder(folder)}/${address}`;
      result = this.#tryLink(address, path);
    }
    if (result === -Errno.EEXIST) {
      unlink(path);
      result = this.#tryLink(address, path);
    }
    // Without links, all files are read again after somebody else's change, and nothing is known to be ours.
    if (unsupported.includes(result)) return false;
    check(result, "link", path);
    return true;
  }

  #tryLink(address: string, path: string): number {
    const name = address;
    return attempt("linkat", this.#directory.fd, name, currentDirectory, path, 0);
  }

  /** A boot's folder has its name only once the machine is noted in it; the value is what it is called. */
  #makeFolder(name: string): string {
    const isOthers = name === others;
    const temporary = isOthers ? name : `${nameless}${name}`;
    using folder = openDirectory(`${this.#root}/${temporary}`, 0o700);
    if (isOthers || this.#renew("", folder) === "") return temporary;
    rename(`${this.#root}/${temporary}`, `${this.#root}/${name}`);
    return name;
  }

  /** Notes the machine in the folder of this boot if it is another by now, and answers with what is noted. */
  #renew(noted: string, folder: Fd): string {
    const machine = this.#machineId();
    if (machine === "" || machine === noted) return noted;
    const temporary = `.${machineLink}`;
    unlink(temporary, folder);
    symlink(machine, temporary, folder);
    rename(temporary, machineLink, folder);
    return machine;
  }
}

function bootOf(name: string): string {
  if (name === others) return "";
  return name.startsWith(nameless) ? name.slice(nameless.length) : name;
}
