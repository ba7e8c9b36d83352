/**
 * Limits what arrives on a link: it is made to leave by a link of kind ifb, where it can wait, and comes back from there.
 * The ifb carries the attachment's alias; what else there is of it is found by it, so that it is made first and goes last.
 */

import type { Interface } from "../../pkg/cni/result.ts";
import { type Attachment, aliasOf } from "../../pkg/link/attachment.ts";
import { findLink, removeLink } from "../../pkg/link/find.ts";
import { randomMac } from "../../pkg/link/mac.ts";
import { removeEach } from "../../pkg/link/routing.ts";
import { optional, type Replies, type Request } from "../../pkg/netlink/message.ts";
import { getLink, type Link, newLink, setLink } from "../../pkg/netlink/rtnetlink/link.ts";
import {
  AddressGenMode,
  type FamilySettings,
} from "../../pkg/netlink/rtnetlink/link-attributes.ts";
import type { Namespace } from "../../pkg/ns/namespace.ts";
import { Errno } from "../../pkg/sys/errno.ts";
import { sha512 } from "../../pkg/sys/sha512.ts";
import { deleteFilter, dumpFilters, type Filter, newRedirect } from "../../pkg/tc/filter.ts";
import { TcPlace } from "../../pkg/tc/message.ts";
import { deleteQdisc, getQdisc, newQdisc, type Qdisc } from "../../pkg/tc/qdisc.ts";
import { type Place, putBucket } from "./bucket.ts";
import type { Limit } from "./limits.ts";

const kind = "ifb";
/** IFNAMSIZ less its NUL, linux/if.h */
const longestName = 15;
/**
 * Priorities of our filters, the last of all: what others put beside them is asked before. Which of the two it is tells DEL
 * whose the discipline is, as the kernel gives all of these one number.
 */
const Priority = { inOurs: 0xffff, inAnothers: 0xfffe } as const;
const ourPriorities: readonly number[] = Object.values(Priority);
const { arriving } = TcPlace;

/** How things are where packets arrive. */
export interface Hook {
  /** The discipline's kind; undefined if there is none. */
  readonly kind: string | undefined;
  readonly filters: readonly Filter[];
}

/** What is there already on a link for packets that arrive. */
export function readHook(place: Place): Hook {
  const { index } = place.link;
  return hookOf(place, place.namespace.send(getQdisc({ index, parent: arriving }))[0]);
}

function hookOf({ namespace, link: { index } }: Place, qdisc: Qdisc | undefined): Hook {
  if (qdisc === undefined) return { kind: undefined, filters: [] };
  return { kind: qdisc.kind, filters: namespace.socket.dump(dumpFilters({ index })) };
}

/** How things are on a link, and with what a detour needs, before anything is changed. */
export interface Present {
  /** What decides how packets leave. */
  readonly root: Qdisc | undefined;
  readonly hook: Hook;
  /** The name that the attachment's ifb is to have, and who has it. */
  readonly name: string;
  readonly namesake: Link | undefined;
}

/** What a namespace is asked about a link of that number, which there may not be, and about who has the name. */
export function askForPresent(
  index: number,
  name: string,
): [Request<Qdisc | undefined>, Request<Qdisc | undefined>, Request<Link | undefined>] {
  return [
    optional(getQdisc({ index }), Errno.ENODEV),
    optional(getQdisc({ index, parent: arriving }), Errno.ENODEV),
    optional(getLink({ name }), Errno.ENODEV),
  ];
}

/** How things are, by the answers. */
export function presentIn(
  place: Place,
  name: string,
  [root, arrival, namesake]: Replies<ReturnType<typeof askForPresent>>,
): Present {
  return { root, hook: hookOf(place, arrival), name, namesake };
}

/** Whether others have filters there too. */
export function isShared({ filters }: Hook): boolean {
  return filters.some((it) => !ourPriorities.includes(it.priority));
}

/**
 * The names an attachment's ifb may have, in the order in which they are tried: the reference's first, which a second
 * interface of the container on the same network would want as well. One by one: each takes a digest.
 */
function* ifbNames(attachment: Attachment): Generator<string, void> {
  const { network, containerId, ifName } = attachment;
  yield ifbNameOf(attachment);
  yield nameFor(network + containerId + ifName);
}

/** The name that the attachment's ifb has unless another link has it. */
export function ifbNameOf({ network, containerId }: Attachment): string {
  return nameFor(network + containerId);
}

function nameFor(text: string): string {
  return `bwp${sha512(text)}`.slice(0, longestName);
}

/** The attachment's ifb, known by its alias, or else one of the reference's, which have none. */
export function findIfb(namespace: Namespace, attachment: Attachment): Link | undefined {
  const alias = aliasOf(attachment);
  let unmarked: Link | undefined;
  for (const name of ifbNames(attachment)) {
    const link = findLink(namespace, { name });
    if (link?.alias === alias) return link;
    if (link?.kind === kind && link.alias === undefined) unmarked ??= link;
  }
  return unmarked;
}

/** What is to be limited, and how to take it back. */
export interface Redirection {
  readonly place: Place;
  readonly present: Present;
  readonly limit: Limit;
  readonly attachment: Attachment;
  readonly rollback: (step: () => void) => void;
  /** Done in the same go as the first step, in the same namespace. */
  readonly before: readonly Request[];
}

/** Limits what arrives; the value is the ifb, for the result. */
export function redirect(redirection: Redirection): Interface {
  const { place, present, limit, attachment, rollback, before } = redirection;
  const { namespace, link } = place;
  const name = freeName(namespace, attachment, present);
  const mac = randomMac();
  rollback(() => {
    const made = findLink(namespace, { name });
    if (made?.mac === mac) removeLink(namespace, { index: made.index });
  });
  const settings = { kind, name, mac, mtu: link.mtu, txQueueLength: 0 } as const;
  const alias = aliasOf(attachment);
  namespace.send(
    ...before,
    newLink(settings),
    setLink({ name, alias, families: familiesOf(link) }),
  );
  const ifb = { index: namespace.socket.linkIndex(name) };
  const isOurs = present.hook.kind === undefined;
  rollback(() => removeRedirect(place, ifb, isOurs));
  const { index } = link;
  const opened = newQdisc({ index, kind: "ingress", parent: arriving }, link.name);
  namespace.send(
    // While it is down: the kernel would wait for packets that are on their way.
    putBucket({ index: ifb.index, name }, limit),
    setLink({ index: ifb.index, up: true }, `set ${name} up`),
    ...(isOurs ? [opened] : []),
    newRedirect({
      index,
      target: ifb.index,
      priority: isOurs ? Priority.inOurs : Priority.inAnothers,
    }),
  );
  return { name, mac };
}

/**
 * The ifb gets no IPv6 address of its own, which nobody could use, and so announces none. IPv6 knows it if it knows the
 * link, as it is as wide; else the kernel would refuse.
 */
function familiesOf({ hasIpv6 }: Link): FamilySettings | undefined {
  return hasIpv6 ? { ipv6: { addressGenMode: AddressGenMode.none } } : undefined;
}

function freeName(
  namespace: Namespace,
  attachment: Attachment,
  { name, namesake }: Present,
): string {
  if (namesake === undefined) return name;
  let taken = name;
  // Of this very attachment: whatever it limits, two in a row are not meant.
  if (namesake.alias !== aliasOf(attachment)) {
    const [, further = ""] = ifbNames(attachment);
    if (findLink(namespace, { name: further }) === undefined) return further;
    taken = further;
  }
  throw new Error(`adding link: file exists: ${taken}`);
}

/** What is needed of an ifb to find what leads to it. */
type Numbered = Pick<Link, "index">;

/** The filters that send what arrives on a link to the ifb. */
export function redirectsTo(hook: Hook, { index }: Numbered): Filter[] {
  return hook.filters.filter((it) => it.redirectsTo === index);
}

/**
 * Lets what arrives on a link go its own way again. Others' filters stay, and what they need. The discipline goes where it
 * was made for the redirection, by the reference suite too; the redirection tells unless the caller does.
 */
export function removeRedirect(place: Place, ifb: Numbered, isOurs?: boolean): void {
  const hook = readHook(place);
  const priorities = new Set(redirectsTo(hook, ifb).map((it) => it.priority));
  const others = hook.filters.filter((it) => !priorities.has(it.priority));
  const { namespace, link } = place;
  const { index } = link;
  const mayGo = isOurs ?? (priorities.size > 0 && !priorities.has(Priority.inAnothers));
  const requests =
    mayGo && hook.kind === "ingress" && others.length === 0
      ? [deleteQdisc({ index, kind: "ingress", parent: arriving })]
      : // Without a number it is all of that priority, which is ours alone.
        [...priorities].map((it) => deleteFilter({ index, kind: "u32", priority: it, handle: 0 }));
  removeEach(namespace, requests);
}
