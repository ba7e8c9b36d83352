/** The gateways' addresses on the bridge: which to add, which are in the way. */

import type { Family } from "../../pkg/ip/address.ts";
import { formatPrefix, overlaps, type Prefix, samePrefix } from "../../pkg/ip/prefix.ts";
import type { Request } from "../../pkg/netlink/message.ts";
import {
  deleteAddress,
  dumpPrefixes,
  replaceAddress,
} from "../../pkg/netlink/rtnetlink/address.ts";
import type { Link } from "../../pkg/netlink/rtnetlink/link.ts";
import type { Namespace } from "../../pkg/ns/namespace.ts";

/** What it takes to give a bridge the addresses it lacks. */
export interface AddressPlan {
  readonly add: readonly Prefix[];
  readonly remove: readonly Prefix[];
}

/** What the addresses are for, and how the message begins where one is in the way. */
export interface AddressTarget {
  readonly name: string;
  readonly failure: string;
}

/**
 * Compares the wanted addresses with those that are there. One that is there is left alone; one that stands in
 * the way is removed if `force`, else refused: of IPv4 any other one, of IPv6 one whose network overlaps.
 */
export function planAddresses(
  target: AddressTarget,
  present: readonly Prefix[],
  wanted: readonly Prefix[],
  force: boolean,
): AddressPlan {
  const add: Prefix[] = [];
  const remove: Prefix[] = [];
  let there = [...present];
  for (const prefix of wanted) {
    if (there.some((other) => samePrefix(prefix, other))) continue;
    const inTheWay = there.filter((other) => conflicts(prefix, other));
    if (inTheWay.length > 0 && !force) throw refused(target, prefix);
    remove.push(...inTheWay);
    there = [...there.filter((other) => !inTheWay.includes(other)), prefix];
    add.push(prefix);
  }
  return { add, remove: remove.filter((prefix) => present.includes(prefix)) };
}

/** The link's addresses, of one family or of both. */
export function addressesOf(host: Namespace, { index }: Link, family?: Family): Prefix[] {
  return host.socket.dump(dumpPrefixes({ index, family }));
}

/** The plan as requests. Replacing makes two ADDs that add the same address at once agree. */
export function addressRequests({ index, name }: Link, { add, remove }: AddressPlan): Request[] {
  return [
    ...remove.map((prefix) => deleteAddress({ index, prefix }, name)),
    ...add.map((prefix) =>
      replaceAddress({ index, prefix, noDad: prefix.address.family === 6 }, name),
    ),
  ];
}

/** The plan that takes another one back. */
export function reversed({ add, remove }: AddressPlan): AddressPlan {
  return { add: remove, remove: add };
}

function conflicts(wanted: Prefix, other: Prefix): boolean {
  if (wanted.address.family !== other.address.family) return false;
  return wanted.address.family === 4 || overlaps(wanted, other);
}

function refused({ name, failure }: AddressTarget, wanted: Prefix): Error {
  const text = formatPrefix(wanted);
  return new Error(`${failure}: "${name}" already has an IP address different from ${text}`);
}
