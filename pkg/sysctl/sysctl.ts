/** Kernel parameters under /proc/sys. Those under net/ are of the namespace the process is in while it opens them. */

import { isSysError } from "../sys/errno.ts";
import { OpenFlag, openFile, read, writeAll } from "../sys/file.ts";
import { decode, encode } from "../sys/text.ts";
import { observer, traced } from "../sys/trace.ts";

/** A page: more than any parameter of a network namespace holds. */
const longestValue = 4096;

/** The parameter's text without its newline. `name` is spelled with slashes, as names of interfaces hold dots. */
export function readSysctl(name: string): string {
  using file = openFile(pathOf(name), OpenFlag.readOnly);
  // The kernel gives the whole value to the first read.
  const value = new Uint8Array(longestValue);
  return decode(value.subarray(0, read(file, value))).trimEnd();
}

/** Sets a parameter. Throws SysError, EROFS where /proc/sys is mounted read-only. */
export function writeSysctl(name: string, value: string): void {
  if (observer === undefined) write(name, value);
  else traced("sysctl", "set", name, () => write(name, value));
}

function write(name: string, value: string): void {
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
