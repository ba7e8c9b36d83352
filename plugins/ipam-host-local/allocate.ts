/** Reserves one address out of a range set. */

import { CniError, ErrorCode, toCniError } from "../../pkg/cni/error.ts";
import { type Address, formatAddress, parseAddress, sameAddress } from "../../pkg/ip/address.ts";
import { describeRangeSet, offeringRange, type RangeSet, rangeOf } from "../../pkg/ip/range-set.ts";
import { isGone } from "./store/origin.ts";
import type { Owner } from "./store/reservation.ts";
import type { Store } from "./store/store.ts";
import { type Candidate, walk } from "./walk.ts";

/** One range set, and for whom. */
export interface Allocation {
  readonly set: RangeSet;
  /** The set's place in the configuration. */
  readonly index: number;
  readonly owner: Owner;
  /** The address the caller insists on. */
  readonly requested: Address | undefined;
  /** As whom the owner may have a claim to an address. */
  readonly claimants: readonly string[];
  /** Whether an owner whose namespace is gone may go on with what he held. */
  readonly resumes: boolean;
}

/** Candidates, taken or kept, after which it is cheaper to list all such than to try the next one. */
const longestRow = 16;

/** Reserves the requested address, or else one the owner has a claim to, or else the next free one. */
export function allocate(store: Store, allocation: Allocation): Candidate {
  const { index, requested } = allocation;
  try {
    if (!requested) {
      const own = resume(store, allocation) ?? reserveClaimed(store, allocation);
      if (own) return own;
    }
    return allocateNew(store, allocation);
  } catch (error) {
    const { code, message, details } = toCniError(error);
    throw new CniError(code, `failed to allocate for range ${index}: ${message}`, details);
  }
}

function allocateNew(store: Store, allocation: Allocation): Candidate {
  const { set, index, requested } = allocation;
  using last = store.lastReserved(index);
  const reserved = requested
    ? reserveRequested(store, allocation, requested)
    : reserveNext(store, allocation, walk(set, last.address));
  last.write(formatAddress(reserved.address));
  return reserved;
}

function reserveRequested(store: Store, allocation: Allocation, address: Address): Candidate {
  const { set, owner } = allocation;
  const name = formatAddress(address);
  const range = rangeOf(set, address);
  if (!range) throw new Error(`${name} is not in range set ${describeRangeSet(set)}`);
  if (sameAddress(range.gateway, address)) {
    throw new Error(`requested ip ${name} is subnet's gateway`);
  }
  if (!offeringRange(set, address)) throw new Error(`requested ip ${name} is excluded`);
  const isReserved = reserveOwn(store, name, owner) || mayGoOn(store, allocation, name);
  if (isReserved) return { address, range };
  throw new Error(
    `requested IP address ${name} is not available in range set ${describeRangeSet(set)}`,
  );
}

function reserveNext(
  store: Store,
  allocation: Allocation,
  candidates: Iterable<Candidate>,
): Candidate {
  const { set, owner, claimants } = allocation;
  let misses = 0;
  let kept = 0;
  let taken: ReadonlySet<string> | undefined;
  let claimed: ReadonlySet<string> | undefined;
  const skipped: Candidate[] = [];
  for (const candidate of candidates) {
    const name = formatAddress(candidate.address);
    if (taken?.has(name)) {
      skipped.push(candidate);
      continue;
    }
    if (claimed?.has(name)) continue;
    if (store.claims.isKept(name, claimants)) {
      kept++;
      // What the owner himself has a claim to has been tried before.
      if (kept === longestRow) claimed = new Set(store.claims.all());
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
  do {
    const found = reserveKept(store, allocation);
    if (found) return found;
    // What was reserved before a boot is kept for whoever had it, too, once it is taken back.
  } while (store.reclaimSome());
  throw new Error(`no IP addresses available in range set: ${describeRangeSet(set)}`);
}

/** Nobody goes without while an address is only kept: the one kept longest is given up. */
function reserveKept(store: Store, { set, owner }: Allocation): Candidate | undefined {
  for (const name of store.claims.byAge()) {
    const candidate = candidateOf(set, name);
    if (!candidate || !store.reserve(name, owner)) continue;
    store.aside(() => store.claims.drop(name));
    return candidate;
  }
  return undefined;
}

function reserveClaimed(
  store: Store,
  { set, owner, claimants }: Allocation,
): Candidate | undefined {
  for (const claimant of claimants) {
    for (const name of store.claims.addressesOf(claimant)) {
      const candidate = candidateOf(set, name);
      if (candidate && reserveOwn(store, name, owner)) return candidate;
    }
  }
  return undefined;
}

/** Reserves an address that the owner has a right to: also one that is still reserved from before a boot. */
function reserveOwn(store: Store, name: string, owner: Owner): boolean {
  return store.reserve(name, owner) || (store.reclaim(name) && store.reserve(name, owner));
}

function candidateOf(set: RangeSet, name: string): Candidate | undefined {
  const address = parseAddress(name);
  const range = address && offeringRange(set, address);
  return range && { address, range };
}

/** An attachment gets one address of a set, and an old reservation may be for any of its container's interfaces. */
function resume(store: Store, allocation: Allocation): Candidate | undefined {
  const { set, owner } = allocation;
  const held = store.heldBy(owner);
  const old = store.heldBy({ ...owner, ifName: "" });
  // Of several, the reference names the one whose file comes first.
  for (const name of [...held.addresses, ...old.addresses].sort()) {
    const address = parseAddress(name);
    const range = address && rangeOf(set, address);
    if (!range) continue;
    if (mayGoOn(store, allocation, name)) return { address, range };
    throw new CniError(
      ErrorCode.internal,
      `${name} has been allocated to ${owner.containerId}, duplicate allocation is not allowed`,
      `reserved by "${store.path}/${name}"`,
    );
  }
  return undefined;
}

/** Whether an attachment holds an address for a namespace that is gone, as after the runtime's crash. */
function mayGoOn(store: Store, { owner, resumes }: Allocation, name: string): boolean {
  const { addresses, namespace } = store.heldBy(owner);
  return resumes && addresses.includes(name) && namespace !== "" && isGone(namespace);
}
