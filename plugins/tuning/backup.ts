/**
 * How the attachment was before, on disk: the interface's values in the reference's file, so that either suite can
 * restore what the other changed, and what that has no room for in a file of ours beside it.
 */

import type { Fd } from "../../pkg/sys/fd.ts";
import { ifPresent, listDirectory, openDirectory, readText, unlink } from "../../pkg/sys/file.ts";
import { encode } from "../../pkg/sys/text.ts";
import { createExclusive, replaceFile } from "../../pkg/sys/whole-file.ts";
import { type Owner, printLink, printOwn, readLinkFile, readOwnFile } from "./backup-format.ts";
import type { State } from "./state.ts";

/** The reference's directory. */
const usualDirectory = "/run/cni/tuning";

/** Ours in it. No container id begins with a dot. */
const ownFolder = ".tscni";

/** More than any backup has. */
const limit = 1 << 20;

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
    link: ifPresent(() => readText(`${path}/${name}`, { limit })),
    own: ifPresent(() => readText(`${path}/${ownFolder}/${name}`, { limit })),
  };
}

/** What the texts say; undefined if there is nothing. A text that is torn counts as missing, and is told. */
export function parseTexts({ link, own }: Texts, log: (line: string) => void): State | undefined {
  if (link === undefined && own === undefined) return undefined;
  return { link: readLinkFile(link, log), ...readOwnFile(own, log) };
}

/** Writes the backup: ours first, as GC finds by it what nobody restored. */
export function save(dataDir: string, owner: Owner, state: State): void {
  writeTexts(dataDir, owner, { link: printLink(state.link), own: printOwn(owner, state) });
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
export function listOwners(dataDir: string, log: (line: string) => void): Owner[] {
  const folder = `${dataDir || usualDirectory}/${ownFolder}`;
  const owners: Owner[] = [];
  for (const name of ifPresent(() => listDirectory(folder)) ?? []) {
    const text = ifPresent(() => readText(`${folder}/${name}`, { limit }));
    const { owner } = readOwnFile(text, log);
    if (owner !== undefined && nameOf(owner) === name) owners.push(owner);
  }
  return owners;
}
