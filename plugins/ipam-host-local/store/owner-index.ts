/**
 * Which addresses an attachment holds, found without reading every reservation: a folder with a symbolic link per
 * attachment, named `<container id>:<interface>`, whose target is a list like `10.1.0.2 fd00::2 @4:4026532281
 * /run/netns/blue` (behind the sign: the namespace it was made for). A link is made and read whole by one system
 * call, and `ls -l` shows the index to a person.
 *
 * The reservation files stay the truth. What ties the index to them is the folder's own name: the boot, and the
 * modification time that the directory of reservations was given, by us, after its latest change. That time is a whole
 * second in the past, which the kernel never sets; whoever else adds or removes a reservation moves the time on,
 * and then there is no folder of that name. The same holds after a crash at any point of a change, because the
 * reservation always comes first. An index that is not current is brought up to date from the files.
 */

import { realtimeMs } from "../../../pkg/sys/clock.ts";
import { Errno, isSysError } from "../../../pkg/sys/errno.ts";
import type { Fd } from "../../../pkg/sys/fd.ts";
import {
  findTarget,
  ifPresent,
  listDirectory,
  OpenFlag,
  openDirectory,
  openFile,
  removeDirectory,
  rename,
  symlink,
  unlink,
} from "../../../pkg/sys/file.ts";
import { stat } from "../../../pkg/sys/statx.ts";
import { call } from "../../../pkg/sys/syscall.ts";
import { isReservationName, nameOf, type Owner } from "./reservation.ts";

/** What an attachment holds. */
export interface Held {
  readonly addresses: readonly string[];
  /** As `describeNamespace` has it; empty where it is not known. */
  readonly namespace: string;
}

/** What an attachment without a link holds. */
export const nothingHeld: Held = { addresses: [], namespace: "" };

/** What the folder is called while it is brought up to date: its lists name too much at most. */
const refreshing = "refreshing";

/** What it is called while it is filled from nothing: its lists may lack something. */
const rebuilding = "rebuilding";

/** A link on its way to its name. Those of attachments do not begin like this. */
const temporary = ".new";

/** NAME_MAX, linux/limits.h */
const longestName = 255;

/** PATH_MAX less its NUL, linux/limits.h */
const longestTarget = 4095;

/** The target of a link whose list would be too long. */
const tooLong = "?";

/** The attachments' links in a folder below `root`. Its methods throw SysError where the folder cannot be used. */
export class OwnerIndex implements Disposable {
  readonly #root: string;
  readonly #folder: Fd;
  #name: string;

  private constructor(root: string, name: string, folder: Fd) {
    this.#root = root;
    this.#name = name;
    this.#folder = folder;
  }

  /** The index, if it is that of the reservations as they are now in `directory`, brought up to date in this boot. */
  static open(root: string, directory: Fd, boot: string): OwnerIndex | undefined {
    const name = folderName(boot, stat(directory).mtimeNs);
    const folder = ifPresent(() => openFolder(`${root}/${name}`));
    return folder && new OwnerIndex(root, name, folder);
  }

  /** The index to be brought up to date, or undefined where there is none to go by. Not current before it is sealed. */
  static take(root: string): OwnerIndex | undefined {
    using rootFolder = openDirectory(root, 0o700);
    const [name, ...more] = listDirectory(rootFolder);
    if (name === undefined || name === rebuilding || more.length > 0) return undefined;
    // From here on its content is in between: it must not be found by its old name.
    rename(name, refreshing, rootFolder);
    return new OwnerIndex(root, refreshing, openFolder(`${root}/${refreshing}`));
  }

  /** An empty index, to be filled. Whatever there was is gone. */
  static start(root: string): OwnerIndex {
    {
      using rootFolder = openDirectory(root, 0o700);
      const names = listDirectory(rootFolder);
      if (names.includes(rebuilding)) removeFolder(`${root}/${rebuilding}`);
      for (const name of names.filter((other) => other !== rebuilding)) {
        // A crash on the way must not leave a part of it under the name of a whole one.
        rename(name, rebuilding, rootFolder);
        removeFolder(`${root}/${rebuilding}`);
      }
    }
    return new OwnerIndex(root, rebuilding, openDirectory(`${root}/${rebuilding}`, 0o700));
  }

  /** The index is filled. Not current before it is sealed. */
  finish(): void {
    this.#rename(refreshing);
  }

  /** What an attachment holds; undefined where the index cannot tell. */
  heldBy(owner: Owner): Held | undefined {
    const name = nameOf(owner);
    if (!canBeNamed(name)) return undefined;
    const text = findTarget(name, this.#folder);
    return text === undefined ? nothingHeld : parseHeld(text);
  }

  /** Notes what an attachment holds from now on. To be called after its reservations changed. */
  put(owner: Owner, held: Held): void {
    const name = nameOf(owner);
    if (!canBeNamed(name)) return;
    if (held.addresses.length === 0) {
      unlink(name, this.#folder);
      return;
    }
    const text = formatHeld(held);
    if (this.#isNew(text, name)) return;
    // In one step: a crash must not leave the attachment without a list.
    unlink(temporary, this.#folder);
    symlink(text, temporary, this.#folder);
    rename(temporary, name, this.#folder);
  }

  /** Declares the index to be that of the reservations as they are now in `directory`. */
  seal(directory: Fd, boot: string): void {
    // On a file system that keeps whole seconds only, a change made at once must show, too, and the kernel takes the
    // time for it from its latest tick, which may have been in the second before.
    const seconds = BigInt(Math.floor(realtimeMs() / 1000) - 2);
    const name = folderName(boot, seconds * 1_000_000_000n);
    this.#rename(name);
    setModificationTime(directory, seconds);
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }

  #isNew(text: string, name: string): boolean {
    try {
      symlink(text, name, this.#folder);
      return true;
    } catch (error) {
      if (isSysError(error, Errno.EEXIST)) return false;
      throw error;
    }
  }

  #rename(name: string): void {
    if (name !== this.#name) rename(`${this.#root}/${this.#name}`, `${this.#root}/${name}`);
    this.#name = name;
  }
}

function folderName(boot: string, modified: bigint): string {
  return `${boot}.${modified}`;
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
function canBeNamed(name: string): boolean {
  return name.length <= longestName;
}

function formatHeld({ addresses, namespace }: Held): string {
  const list = addresses.join(" ");
  const text = namespace === "" ? list : `${list} @${namespace}`;
  // Texts are longer in bytes than in characters, but rarely, and by no more than this.
  if (text.length * 3 <= longestTarget) return text;
  return list.length <= longestTarget ? list : tooLong;
}

/** Undefined for what `formatHeld` cannot have written. */
function parseHeld(text: string): Held | undefined {
  const at = text.indexOf(" @");
  const addresses = (at < 0 ? text : text.slice(0, at)).split(" ");
  if (!addresses.every(isReservationName)) return undefined;
  return { addresses, namespace: at < 0 ? "" : text.slice(at + 2) };
}

/** UTIME_OMIT, linux/stat.h */
const leaveAsIs = 0x3ffffffen;

function setModificationTime(directory: Fd, seconds: bigint): void {
  // Two struct timespec: access, modification.
  const times = new BigInt64Array([0n, leaveAsIs, seconds, 0n]);
  call("utimensat", directory.fd, null, new Uint8Array(times.buffer), 0);
}
