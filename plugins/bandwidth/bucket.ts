/** Buckets on links: put there, found, compared, taken away. */

import { removeEach } from "../../pkg/link/routing.ts";
import type { Request } from "../../pkg/netlink/message.ts";
import type { Link } from "../../pkg/netlink/rtnetlink/link.ts";
import type { Namespace } from "../../pkg/ns/namespace.ts";
import { deleteQdisc, getQdisc, newQdisc, type Qdisc } from "../../pkg/tc/qdisc.ts";
import { type Bucket, fromTbf, toTbf } from "../../pkg/tc/tbf.ts";

/** The reference's: 1:0, so that each suite takes away what the other put there. */
const handle = 0x1_0000;

/** A link and the namespace it is in. */
export interface Place {
  readonly namespace: Namespace;
  readonly link: Link;
}

/** What decides how packets leave the link; undefined where nothing of anybody's does. */
export function rootOf({ namespace, link: { index } }: Place): Qdisc | undefined {
  return namespace.send(getQdisc({ index }))[0];
}

/** Throws where somebody has decided already how what leaves the link is queued: by the root that it has. */
export function refuseOccupied({ name }: Link, root: Qdisc | undefined): void {
  // The kernel's own choice has no number.
  if (root?.handle) {
    throw new Error(`cannot limit ${name}: it has a root qdisc already: ${root.kind}`);
  }
}

/** Limits what leaves a link. */
export function putBucket({ index, name }: Pick<Link, "index" | "name">, bucket: Bucket): Request {
  return newQdisc({ index, kind: "tbf", handle, data: toTbf(bucket) }, name);
}

/** Takes the bucket away; one that is gone is no failure, and others' stay. */
export function takeBucket(place: Place): void {
  const { namespace, link } = place;
  const present = rootOf(place);
  if (present?.kind !== "tbf" || present.handle !== handle) return;
  removeEach(namespace, [deleteQdisc({ index: link.index, kind: "tbf", handle })]);
}

/** What is not as it should be with the bucket of a link, in the reference's words and numbers. */
export function compareBucket(place: Place, wanted: Bucket): string[] {
  const { link } = place;
  const { kind, data } = rootOf(place) ?? {};
  const found = kind === "tbf" && data ? fromTbf(data) : undefined;
  if (found === undefined) return [`Failed to find qdisc of kind tbf on ${link.name}`];
  const differences: string[] = [];
  for (const [key, what] of [
    ["rate", "Rate"],
    ["limit", "Limit"],
    ["buffer", "Buffer"],
  ] as const) {
    if (found[key] === wanted[key]) continue;
    differences.push(`${what} doesn't match on ${link.name}: ${found[key]}, not ${wanted[key]}`);
  }
  return differences;
}
