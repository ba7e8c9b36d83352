/** Whether an ADD could be served. */

import { CniError, ErrorCode, toCniError } from "../../pkg/cni/error.ts";
import { formatAddress, parseAddress } from "../../pkg/ip/address.ts";
import {
  capacity,
  describeRangeSet,
  offeringRange,
  type RangeSet,
} from "../../pkg/ip/range-set.ts";
import { Errno, errnoText } from "../../pkg/sys/errno.ts";
import type { Fd } from "../../pkg/sys/fd.ts";
import { ifPresent, openDirectory } from "../../pkg/sys/file.ts";
import { isFull } from "../../pkg/sys/file-system.ts";
import { attempt } from "../../pkg/sys/syscall.ts";
import { listReserved, readOwner } from "./store/reservation.ts";
import { Store, type StorePlace } from "./store/store.ts";

/** R_OK, W_OK and X_OK, unistd.h */
const readWriteSearch = 7;

/** AT_FDCWD, linux/fcntl.h */
const currentDirectory = -100;

/** Throws code 50 when a range set has no free address left, or its reservations cannot be written. */
export function refuseUnavailable(place: StorePlace, sets: readonly RangeSet[]): void {
  let { full, details } = look(place, sets);
  if (!full) return;
  // After a boot there may be something to take back, which the first lock does; and no ADD comes to a node that
  // says it is full.
  takeBack(place);
  ({ full, details } = look(place, sets));
  if (!full) return;
  const message = `no IP addresses available in range set: ${describeRangeSet(full)}`;
  throw new CniError(ErrorCode.notAvailable, message, details);
}

function takeBack(place: StorePlace): void {
  try {
    if (place.reclaim) Store.find(place)?.[Symbol.dispose]();
  } catch (error) {
    place.log(`cannot take back what was reserved before a boot: ${toCniError(error).message}`);
  }
}

/** The first set without a free address, and the counts of all. */
function look(
  { dataDir, network }: StorePlace,
  sets: readonly RangeSet[],
): { full: RangeSet | undefined; details: string } {
  using directory = openReservations(`${dataDir}/${network}`);
  const counts = sets.map((set) => countFree(set, directory));
  const details = counts.map(
    ({ free, total }, index) => `range set ${index}: ${free} of ${total} free`,
  );
  const full = counts.findIndex(({ free }) => free <= 0n);
  return { full: sets[full], details: details.join(", ") };
}

function openReservations(path: string): Fd | undefined {
  let directory: Fd | undefined;
  try {
    directory = ifPresent(() => openDirectory(path));
  } catch (error) {
    throw unusable(path, toCniError(error).message);
  }
  const reason = unwritable(directory ? path : nearestExisting(path));
  if (reason === "") return directory;
  directory?.[Symbol.dispose]();
  throw unusable(path, reason);
}

/** Why nothing could be written in an existing directory; empty where it could. */
function unwritable(path: string): string {
  const result = attempt("faccessat", currentDirectory, path, readWriteSearch, 0);
  if (result < 0) return `write to ${path}: ${errnoText(-result)}`;
  return isFull(path) ? errnoText(Errno.ENOSPC) : "";
}

/** The directory that a missing one would be made in. */
function nearestExisting(path: string): string {
  const parent = path.replace(/\/+[^/]*$/, "");
  if (parent === path) return ".";
  if (parent === "") return "/";
  const result = attempt("faccessat", currentDirectory, parent, 0, 0);
  return result === -Errno.ENOENT ? nearestExisting(parent) : parent;
}

function unusable(path: string, reason: string): CniError {
  return new CniError(ErrorCode.notAvailable, `cannot reserve addresses in "${path}": ${reason}`);
}

function countFree(set: RangeSet, directory: Fd | undefined): { free: bigint; total: bigint } {
  const total = capacity(set);
  const reserved = directory ? listReserved(directory).filter((name) => isOffered(set, name)) : [];
  let free = total - BigInt(reserved.length);
  // Only now does it matter whether a file is whole.
  if (directory && free <= 0n) {
    free = BigInt(reserved.filter((name) => readOwner(directory, name) === "torn").length);
  }
  return { free, total };
}

/** Whether an address is one that the set hands out by itself. A file of another spelling keeps none from anybody. */
function isOffered(set: RangeSet, name: string): boolean {
  const address = parseAddress(name);
  if (!address || formatAddress(address) !== name) return false;
  return offeringRange(set, address) !== undefined;
}
