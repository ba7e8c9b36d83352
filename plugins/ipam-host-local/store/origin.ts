/** Where and when a reservation is made: on which machine, since which boot, for which network namespace. */

import { Errno, isSysError } from "../../../pkg/sys/errno.ts";
import { OpenFlag, openFile, read } from "../../../pkg/sys/file.ts";
import { stat, tryStat } from "../../../pkg/sys/statx.ts";
import { decode } from "../../../pkg/sys/text.ts";

/** What the kernel makes anew at each boot. */
const bootIdPath = "/proc/sys/kernel/random/boot_id";
const bootIdShape = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** machine-id(5); it says "uninitialized" during a machine's very first boot. */
const machineIdPath = "/etc/machine-id";
const machineIdShape = /^[0-9a-f]{32}$/;

/** Differs from boot to boot and from machine to machine; empty where there is none. */
export function readBootId(): string {
  // A sandbox may keep it from us.
  return readId(bootIdPath, bootIdShape, [Errno.ENOENT, Errno.ENOTDIR, Errno.EACCES, Errno.EPERM]);
}

/** Stays the same for as long as the machine is installed; empty where there is none. */
export function readMachineId(): string {
  return readId(machineIdPath, machineIdShape, [Errno.ENOENT, Errno.ENOTDIR]);
}

/** The namespace at a path: its identity among those that exist now, and the path. Empty where there is none. */
export function describeNamespace(path: string): string {
  const found = path === "" ? undefined : tryStat(path);
  return found === undefined ? "" : `${found.dev}:${found.ino} ${path}`;
}

/**
 * Whether a described namespace is no longer what its path leads to. Numbers are given out again soon, so the path is
 * what tells: a runtime keeps it for as long as the container runs.
 */
export function isGone(description: string): boolean {
  const path = description.slice(description.indexOf(" ") + 1);
  try {
    stat(path);
  } catch (error) {
    return isSysError(error, Errno.ENOENT, Errno.ENOTDIR, Errno.ESRCH);
  }
  return describeNamespace(path) !== description;
}

/** Only where there is none by design is there none: after any other failure the next try may well have it. */
function readId(path: string, shape: RegExp, absent: readonly number[]): string {
  try {
    using file = openFile(path, OpenFlag.readOnly);
    const buffer = new Uint8Array(64);
    const id = decode(buffer.subarray(0, read(file, buffer))).trim();
    return shape.test(id) ? id : "";
  } catch (error) {
    if (isSysError(error, ...absent)) return "";
    throw error;
  }
}
