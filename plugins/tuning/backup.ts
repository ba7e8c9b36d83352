/**
 * How the attachment was before, on disk: the interface's values in the reference's file, so that either suite can
 * restore what the other changed, and what that has no room for in a file of ours beside it.
 */

import { Errno, isSysError } from "../../pkg/sys/errno.ts";
import type { Fd } from "../../pkg/sys/fd.ts";
import {
  findText,
  ifPresent,
  listDirectory,
  OpenFlag,
  openDirectory,
  openFile,
  unlink,
  writeAll,
} from "../../pkg/sys/file.ts";
import { encode } from "../../pkg/sys/text.ts";
import { createExclusive, replaceFile } from "../../pkg/sys/whole-file.ts";
import {
  mergeStates,
  type Owner,
  printLink,
  printOwn,
  readLinkFile,
  readOwnFile,
} from "./backup-format.ts";
import type { State } from "./state.ts";

/** The reference's directory. */
const usualDirectory = "/run/cni/tuning";

/** Ours in it. No container id begins with a dot. */
const ownFolder = ".tscni";

/** More than any backup has. */
const limit = 1 << 20;

type Log = (line: string) => void;

/** The two texts of an attachment's backup, as far as there are any. */
export interface Texts {
  readonly link?: string;
  readonly own?: string;
}

/** The directories, made if need be. */
class Directories implements Disposable {
  readonly base: Fd;
  readonly own: Fd;

  constructor(path: string, mode?: number) {
    this.base = openDirectory(path, mode);
    try {
      this.own = openDirectory(`${path}/${ownFolder}`, mode);
    } catch (error) {
      this.base.close();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.own.close();
    this.base.close();
  }
}

/** The file's name in both directories. */
function nameOf({ containerId, ifName }: Owner): string {
  return `${containerId}_${ifName}.json`;
}

/** The backup's texts; both missing where there is none. */
export function readTexts(dataDir: string, owner: Owner): Texts {
  const path = dataDir || usualDirectory;
  const name = nameOf(owner);
  return {
    link: findText(`${path}/${name}`, { limit }),
    own: findText(`${path}/${ownFolder}/${name}`, { limit }),
  };
}

/** What the texts say; undefined if there is nothing. A text that is torn counts as missing, and is told. */
export function parseTexts({ link, own }: Texts, log: Log): State | undefined {
  if (link === undefined && own === undefined) return undefined;
  return { link: readLinkFile(link, log), ...readOwnFile(own, log) };
}

/**
 * Writes the backup, ours first, as GC finds by it what nobody restored; what the backup of a member before in the chain
 * says counts more. The value is what there was. Nothing has been changed yet, so that a torn file is as good as none.
 */
export function save(dataDir: string, owner: Owner, state: State, log: Log): Texts {
  const fresh = { link: printLink(state.link), own: printOwn(owner, state) };
  if (tryCreate(dataDir, owner, fresh)) return {};
  const before = readTexts(dataDir, owner);
  const { link, ...own } = mergeStates(parseTexts(before, log), state);
  try {
    writeTexts(dataDir, owner, { link: printLink(link), own: printOwn(owner, { link, ...own }) });
  } catch (error) {
    writeTexts(dataDir, owner, before);
    throw error;
  }
  return before;
}

/** The usual case: there is no backup yet. False, and nothing changed, where there is one. */
function tryCreate(dataDir: string, owner: Owner, { link, own = "" }: Texts): boolean {
  const path = dataDir || usualDirectory;
  const name = nameOf(owner);
  const ownPath = `${path}/${ownFolder}/${name}`;
  try {
    if (!createNew(ownPath, own)) return false;
  } catch (error) {
    if (!isSysError(error, Errno.ENOENT)) throw error;
    new Directories(path, 0o700)[Symbol.dispose]();
    return tryCreate(dataDir, owner, { link, own });
  }
  let isWhole = false;
  try {
    isWhole = link === undefined || createNew(`${path}/${name}`, link);
    return isWhole;
  } finally {
    if (!isWhole) unlink(ownPath);
  }
}

const newFile = OpenFlag.writeOnly | OpenFlag.create | OpenFlag.exclusive | OpenFlag.noFollow;

/** False where there is a file. */
function createNew(path: string, text: string): boolean {
  try {
    using fd = openFile(path, newFile, 0o600);
    try {
      writeAll(fd, encode(text));
    } catch (error) {
      unlink(path);
      throw error;
    }
    return true;
  } catch (error) {
    if (isSysError(error, Errno.EEXIST)) return false;
    throw error;
  }
}

/** Makes the files hold the texts; what is to be none is removed. */
export function writeTexts(dataDir: string, owner: Owner, { link, own }: Texts): void {
  using directories = new Directories(dataDir || usualDirectory, 0o700);
  put(directories.own, nameOf(owner), own);
  put(directories.base, nameOf(owner), link);
}

function put(dir: Fd, name: string, text: string | undefined): void {
  if (text === undefined) unlink(name, dir);
  // A new file is the usual case, which is cheaper and leaves no litter.
  else if (!createExclusive(dir, name, encode(text))) replaceFile(dir, name, encode(text));
}

/** Removes the backup; ours last. */
export function remove(dataDir: string, owner: Owner): void {
  const path = dataDir || usualDirectory;
  const name = nameOf(owner);
  unlink(`${path}/${name}`);
  unlink(`${path}/${ownFolder}/${name}`);
}

/** Whose backups there are. */
export function listOwners(dataDir: string, log: Log): Owner[] {
  const folder = `${dataDir || usualDirectory}/${ownFolder}`;
  const owners: Owner[] = [];
  for (const name of ifPresent(() => listDirectory(folder)) ?? []) {
    const text = findText(`${folder}/${name}`, { limit });
    const { owner } = readOwnFile(text, log);
    if (owner !== undefined && nameOf(owner) === name) owners.push(owner);
  }
  return owners;
}
