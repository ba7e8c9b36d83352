/** Kernel parameters under /proc/sys. Those under net/ are of the namespace the process is in while it opens them. */

import { isSysError } from "../sys/errno.ts";
import { OpenFlag, openFile, readText, writeAll } from "../sys/file.ts";
import { encode } from "../sys/text.ts";

/** The parameter's text without its newline. `name` is spelled with slashes, as names of interfaces hold dots. */
export function readSysctl(name: string): string {
  return readText(pathOf(name)).trimEnd();
}

/** Sets a parameter. Throws SysError, EROFS where /proc/sys is mounted read-only. */
export function writeSysctl(name: string, value: string): void {
  using file = openFile(pathOf(name), OpenFlag.writeOnly);
  writeAll(file, encode(value));
}

/** Sets a parameter that is wanted but not needed: true if it took. */
export function tryWriteSysctl(name: string, value: string): boolean {
  try {
    writeSysctl(name, value);
    return true;
  } catch (error) {
    if (isSysError(error)) return false;
    throw error;
  }
}

/** Sets a parameter unless it already reads so: what is right needs no right to write. */
export function ensureSysctl(name: string, value: string): void {
  if (readSysctl(name) !== value) writeSysctl(name, value);
}

function pathOf(name: string): string {
  return `/proc/sys/${name}`;
}
