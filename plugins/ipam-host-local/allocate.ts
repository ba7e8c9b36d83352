/** Reserves one address out of a range set. */

import { CniError, ErrorCode, toCniError } from "../../pkg/cni/error.ts";
import { type Address, formatAddress, parseAddress, sameAddress } from "../../pkg/ip/address.ts";
import { describeRangeSet, offeringRange, type RangeSet, rangeOf } from "./range-set.ts";
import type { Owner } from "./reservation.ts";
import type { Store } from "./store.ts";
import { type Candidate, walk } from "./walk.ts";

/** One range set, and for whom. */
export interface Allocation {
  readonly set: RangeSet;
  /** The set's place in the configuration. */
  readonly index: number;
  readonly owner: Owner;
  /** The address the caller insists on. */
  readonly requested: Address | undefined;
}

/** Taken candidates in a row after which it is cheaper to list the directory than to try the next one. */
const longestRow = 16;

/** Reserves the requested address, or else the next free one. */
export function allocate(store: Store, allocation: Allocation): Candidate {
  const { set, index, requested } = allocation;
  try {
    if (!requested) refuseSecondAddress(store, allocation);
    using last = store.lastReserved(index);
    const reserved = requested
      ? reserveRequested(store, allocation, requested)
      : reserveNext(store, allocation, walk(set, last.address));
    last.write(formatAddress(reserved.address));
    return reserved;
  } catch (error) {
    const { code, message, details } = toCniError(error);
    throw new CniError(code, `failed to allocate for range ${index}: ${message}`, details);
  }
}

function reserveRequested(store: Store, { set, owner }: Allocation, address: Address): Candidate {
  const name = formatAddress(address);
  const range = rangeOf(set, address);
  if (!range) throw new Error(`${name} is not in range set ${describeRangeSet(set)}`);
  if (sameAddress(range.gateway, address)) {
    throw new Error(`requested ip ${name} is subnet's gateway`);
  }
  if (!offeringRange(set, address)) throw new Error(`requested ip ${name} is excluded`);
  if (store.reserve(name, owner)) return { address, range };
  throw new Error(
    `requested IP address ${name} is not available in range set ${describeRangeSet(set)}`,
  );
}

function reserveNext(
  store: Store,
  { set, owner }: Allocation,
  candidates: Iterable<Candidate>,
): Candidate {
  let misses = 0;
  let taken: ReadonlySet<string> | undefined;
  const skipped: Candidate[] = [];
  for (const candidate of candidates) {
    const name = formatAddress(candidate.address);
    if (taken?.has(name)) {
      skipped.push(candidate);
      continue;
    }
    if (store.reserve(name, owner)) return candidate;
    misses++;
    if (misses === longestRow) taken = new Set(store.reservedAddresses());
  }
  // Before giving up, a look into the files that were only known by name.
  for (const candidate of skipped) {
    const name = formatAddress(candidate.address);
    if (store.isTorn(name) && store.reserve(name, owner)) return candidate;
  }
  throw new Error(`no IP addresses available in range set: ${describeRangeSet(set)}`);
}

/** A container's interface gets one address of a set; an old reservation may be for any of its interfaces. */
function refuseSecondAddress(store: Store, { set, owner }: Allocation): void {
  const held = store
    .holdingsOf(owner.containerId)
    .filter(({ ifName }) => ifName === owner.ifName || ifName === "")
    .map(({ address }) => address);
  // Of several, the reference names the one whose file comes first.
  for (const address of held.sort()) {
    const parsed = parseAddress(address);
    if (!parsed || !rangeOf(set, parsed)) continue;
    throw new CniError(
      ErrorCode.internal,
      `${address} has been allocated to ${owner.containerId}, duplicate allocation is not allowed`,
      `reserved by "${store.path}/${address}"`,
    );
  }
}
