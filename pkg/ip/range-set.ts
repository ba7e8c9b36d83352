/** Range sets: the alternatives one address is allocated from, checked and completed in the reference's order and words. */

import {
  type Address,
  addressBits,
  formatAddress,
  offset,
  parseAddress,
  sameAddress,
} from "./address.ts";
import { holesOf } from "./exclude.ts";
import { findOverlap } from "./overlap.ts";
import {
  formatPrefix,
  lastAddress,
  network,
  type Prefix,
  parsePrefix,
  contains as prefixContains,
} from "./prefix.ts";
import { contains, formatRange, type Range, size } from "./range.ts";

/** A range as configurations write it; an empty text is an absent one. */
export interface RangeConfig {
  subnet?: string;
  rangeStart?: string;
  rangeEnd?: string;
  gateway?: string;
}

/** Addresses of one subnet that may be handed out: all from start to end but those in its holes. */
export interface AllocationRange extends Range {
  readonly subnet: Prefix;
  readonly gateway: Address;
  /** The gateway, and what is excluded; in order, none touching another. */
  readonly holes: readonly Range[];
}

/** Ranges of one family, none overlapping another. */
export type RangeSet = readonly AllocationRange[];

/** What holds for all range sets. */
export interface RangeSetOptions {
  /** A version whose result holds one address of each family only, so many sets are the most. */
  readonly singleVersion?: string | undefined;
  /** Addresses that are not to be handed out. */
  readonly exclude?: readonly Range[];
}

/** Checks all sets. Throws an Error whose message is the reference's. */
export function readRangeSets(
  configs: readonly (readonly RangeConfig[])[],
  { singleVersion, exclude = [] }: RangeSetOptions = {},
): RangeSet[] {
  if (configs.length === 0) throw new Error("no IP ranges specified");
  const sets = configs.map((config, index) => {
    try {
      return readRangeSet(config, exclude);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`invalid range set ${index}: ${reason}`);
    }
  });
  if (singleVersion !== undefined) refuseSeveralPerFamily(sets, singleVersion);
  const overlap = findOverlap(sets);
  if (overlap) throw new Error(`range set ${overlap[0]} overlaps with ${overlap[1]}`);
  return sets;
}

/** The set's first range with this address. */
export function rangeOf(set: RangeSet, address: Address): AllocationRange | undefined {
  return set.find((range) => contains(range, address));
}

/** `10.1.0.1-10.1.0.254,10.2.0.1-10.2.0.9` */
export function describeRangeSet(set: RangeSet): string {
  return set.map(formatRange).join(",");
}

/** The set's range that hands out this address, if it is one that is handed out. */
export function offeringRange(set: RangeSet, address: Address): AllocationRange | undefined {
  const range = rangeOf(set, address);
  return range?.holes.some((hole) => contains(hole, address)) ? undefined : range;
}

/** How many addresses the set can hand out. */
export function capacity(set: RangeSet): bigint {
  let total = 0n;
  for (const range of set) {
    total += size(range);
    for (const hole of range.holes) total -= size(hole);
  }
  return total;
}

function refuseSeveralPerFamily(sets: readonly RangeSet[], version: string): void {
  const ofFamily4 = sets.filter(([range]) => range?.start.family === 4).length;
  if (ofFamily4 < 2 && sets.length - ofFamily4 < 2) return;
  throw new Error(`CNI version ${version} does not support more than 1 address per family`);
}

function readRangeSet(configs: readonly RangeConfig[], exclude: readonly Range[]): RangeSet {
  if (configs.length === 0) throw new Error("empty range set");
  const set: AllocationRange[] = [];
  for (const config of configs) {
    const range = readRange(config, exclude);
    if (range.start.family !== (set[0] ?? range).start.family) {
      throw new Error("mixed address families");
    }
    set.push(range);
  }
  const [first, second] = findOverlap(set.map((range) => [range]))?.map((at) => set[at]) ?? [];
  if (first && second) {
    throw new Error(`subnets ${formatRange(first)} and ${formatRange(second)} overlap`);
  }
  return set;
}

function readRange(config: RangeConfig, exclude: readonly Range[]): AllocationRange {
  const subnet = readSubnet(config.subnet ?? "");
  const first = offset(subnet.address, 1n) ?? subnet.address;
  const gateway = readAddress(config.gateway) ?? first;
  const givenEnd = readAddress(config.rangeEnd);
  const givenStart = readAddress(config.rangeStart);
  const start = givenStart ?? first;
  const startsInside =
    !givenEnd || contains({ start: givenStart ?? subnet.address, end: givenEnd }, start);
  if (givenStart && !(prefixContains(subnet, givenStart) && startsInside)) {
    throw new Error(`RangeStart ${config.rangeStart} not in network ${formatPrefix(subnet)}`);
  }
  if (
    givenEnd &&
    !(prefixContains(subnet, givenEnd) && contains({ start, end: givenEnd }, givenEnd))
  ) {
    throw new Error(`RangeEnd ${config.rangeEnd} not in network ${formatPrefix(subnet)}`);
  }
  const end = givenEnd ?? lastAllocatable(subnet);
  // The reference takes such a start, and then hands out addresses of the next network.
  if (size({ start, end }) === 0n) {
    throw new Error(
      `RangeStart ${formatAddress(start)} is behind ${formatAddress(end)}, the last address`,
    );
  }
  const holes = holesOf({ start, end }, [...exclude, { start: gateway, end: gateway }]);
  return { subnet, start, end, gateway, holes };
}

/** The last address of an IPv4 network is its broadcast address; IPv6 has none. */
function lastAllocatable(subnet: Prefix): Address {
  const last = lastAddress(subnet);
  return last.family === 4 ? { family: 4, value: last.value - 1n } : last;
}

function readSubnet(text: string): Prefix {
  const subnet = parsePrefix(text);
  if (!subnet) throw new Error("IP <nil> not v4 nor v6");
  const { address, length } = subnet;
  if (length > addressBits(address.family) - 2) {
    throw new Error(`Network ${formatPrefix(subnet)} too small to allocate from`);
  }
  // An IPv4 address written as an IPv6 one.
  if (address.family === 4 && text.includes(":")) {
    throw new Error("IPNet IP and Mask version mismatch");
  }
  const base = network(subnet).address;
  if (!sameAddress(base, address)) {
    throw new Error(
      `Network has host bits set. For a subnet mask of length ${length} the network address is ${formatAddress(base)}`,
    );
  }
  return subnet;
}

function readAddress(text: string | undefined): Address | undefined {
  return text ? parseAddress(text) : undefined;
}
