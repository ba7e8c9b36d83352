/** Whether an ADD could be served. */

import { CniError, ErrorCode, toCniError } from "../../pkg/cni/error.ts";
import { parseAddress } from "../../pkg/ip/address.ts";
import { Errno, errnoText } from "../../pkg/sys/errno.ts";
import type { Fd } from "../../pkg/sys/fd.ts";
import { ifPresent, openDirectory } from "../../pkg/sys/file.ts";
import { attempt } from "../../pkg/sys/syscall.ts";
import { cString } from "../../pkg/sys/text.ts";
import { capacity, describeRangeSet, offeringRange, type RangeSet } from "./range-set.ts";
import { listReserved, readOwner } from "./reservation.ts";

/** R_OK, W_OK and X_OK, unistd.h */
const readWriteSearch = 7;

/** AT_FDCWD, linux/fcntl.h */
const currentDirectory = -100;

/** Throws code 50 when a range set has no free address left, or its reservations cannot be written. Changes nothing. */
export function refuseUnavailable(path: string, sets: readonly RangeSet[]): void {
  using directory = openReservations(path);
  const counts = sets.map((set) => countFree(set, directory));
  const full = counts.findIndex(({ free }) => free === 0n);
  const set = sets[full];
  if (!set) return;
  throw new CniError(
    ErrorCode.notAvailable,
    `no IP addresses available in range set: ${describeRangeSet(set)}`,
    counts
      .map(({ free, total }, index) => `range set ${index}: ${free} of ${total} free`)
      .join(", "),
  );
}

function openReservations(path: string): Fd | undefined {
  let directory: Fd | undefined;
  try {
    directory = ifPresent(() => openDirectory(path));
  } catch (error) {
    throw unusable(path, toCniError(error).message);
  }
  const existing = directory ? path : nearestExisting(path);
  const result = attempt("faccessat", currentDirectory, cString(existing), readWriteSearch, 0);
  if (result < 0) {
    directory?.[Symbol.dispose]();
    throw unusable(path, `write to ${existing}: ${errnoText(-result)}`);
  }
  return directory;
}

/** The directory that a missing one would be made in. */
function nearestExisting(path: string): string {
  const parent = path.replace(/\/+[^/]*$/, "");
  if (parent === path) return ".";
  if (parent === "") return "/";
  const result = attempt("faccessat", currentDirectory, cString(parent), 0, 0);
  return result === -Errno.ENOENT ? nearestExisting(parent) : parent;
}

function unusable(path: string, reason: string): CniError {
  return new CniError(ErrorCode.notAvailable, `cannot reserve addresses in "${path}": ${reason}`);
}

function countFree(set: RangeSet, directory: Fd | undefined): { free: bigint; total: bigint } {
  const total = capacity(set);
  let free = total;
  const reserved = directory ? listReserved(directory).filter((name) => isOffered(set, name)) : [];
  free -= BigInt(reserved.length);
  // Only now does it matter whether a file is whole.
  if (directory && free === 0n) {
    free = BigInt(reserved.filter((name) => readOwner(directory, name) === "torn").length);
  }
  return { free, total };
}

/** Whether an address is one that the set hands out by itself. */
function isOffered(set: RangeSet, name: string): boolean {
  const address = parseAddress(name);
  return address !== undefined && offeringRange(set, address) !== undefined;
}
