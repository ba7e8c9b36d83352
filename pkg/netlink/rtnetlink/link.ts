/** Links, that is network interfaces: requests to find, make, change and delete them. */

import { MessageFlag, type Request } from "../message.ts";
import type { Reader, Writer } from "../wire.ts";
import {
  type FamilySettings,
  type LinkKind,
  linkAttributes,
  type PortKind,
} from "./link-attributes.ts";
import {
  LinkFlag,
  linkHeader,
  type PlainLinkSettings,
  writeLinkSettings,
} from "./link-settings.ts";

/** RTM_*LINK, linux/rtnetlink.h */
const Type = { new: 16, delete: 17, get: 18 } as const;

/** RTEXT_FILTER_SKIP_STATS: half of a link's answer is counters that nobody here reads */
const SKIP_STATS = 8;
/** IFNAMSIZ with its NUL: longer names are alternative ones */
const NAME_SIZE = 16;

/** RFC 2863 states in the order of IF_OPER_*, linux/if.h, worded as in sysfs */
const operStates = [
  "unknown",
  "notpresent",
  "down",
  "lowerlayerdown",
  "testing",
  "dormant",
  "up",
] as const;

export type OperState = (typeof operStates)[number];

/** A link as the kernel describes it. */
export type Link = LinkState & (LinkKind | OtherKind) & (PortKind | NoPort);

interface OtherKind {
  /** Undefined for hardware, and for loopback. */
  readonly kind?: string;
  readonly data?: undefined;
}

interface NoPort {
  readonly portKind?: string;
  readonly portData?: undefined;
}

interface LinkState {
  readonly index: number;
  readonly name: string;
  readonly altNames: readonly string[];
  readonly alias?: string;
  /** See LinkFlag. */
  readonly flags: number;
  readonly up: boolean;
  readonly operState: OperState;
  readonly carrier: boolean;
  /** ARPHRD_*, linux/if_arp.h: 1 is Ethernet */
  readonly hardwareType: number;
  readonly mtu: number;
  readonly minMtu?: number;
  readonly maxMtu?: number;
  /** Absent where links have none, as on a tunnel. */
  readonly mac?: string;
  readonly permanentMac?: string;
  readonly broadcast?: string;
  readonly txQueueLength: number;
  readonly txQueues: number;
  readonly rxQueues: number;
  readonly group: number;
  readonly master?: number;
  /** The link this one is made on; its index counts in the namespace linkNetnsId, where that is given. */
  readonly parent?: number;
  /** A veth's other end, likewise. */
  readonly peerIndex?: number;
  readonly linkNetnsId?: number;
  /** How many want it promiscuous: itself (see flags), a bridge, a capture. */
  readonly promiscuity: number;
  readonly families: FamilySettings;
}

/** What a link is to be. */
export type LinkSettings = PlainLinkSettings & {
  families?: FamilySettings;
} & (LinkKind | { kind?: undefined; data?: undefined }) &
  (PortKind | { portKind?: undefined; portData?: undefined });

/** Which link: its name, alternative ones included, or its index. */
export type LinkKey =
  | { readonly name: string; readonly index?: undefined }
  | { readonly index: number; readonly name?: undefined };

/** Reads one link. Fails with ENODEV where there is none. */
export function getLink(key: LinkKey): Request<Link> {
  return {
    purpose: `find link ${label(key)}`,
    type: Type.get,
    flags: 0,
    write(to) {
      writeKey(to, key);
      linkAttributes.write(to, { extMask: SKIP_STATS }, {});
    },
    read: readLink,
  };
}

/** Which links to list; the kernel looks, not we. */
export interface LinkFilter {
  readonly master?: number;
  readonly kind?: string;
}

/** Lists links: for NetlinkSocket.dump. */
export function dumpLinks({ master, kind }: LinkFilter = {}): Request<Link | undefined> {
  const linkInfo = kind === undefined ? undefined : { kind };
  return {
    purpose: "list links",
    type: Type.get,
    flags: 0,
    write(to) {
      linkHeader.put(to, {});
      linkAttributes.write(to, { extMask: SKIP_STATS, master, linkInfo }, {});
    },
    read(from, start, end) {
      const link = readLink(from, start, end);
      if (master !== undefined && link.master !== master) return undefined;
      return kind === undefined || link.kind === kind ? link : undefined;
    },
  };
}

/**
 * Makes a link; fails with EEXIST where the name is taken. All of it is done in one go: namespace, master,
 * MAC, MTU, flags. Only a port's settings (portData) need a `setLink` behind it, by name, in the same batch.
 */
export function newLink(settings: LinkSettings, purpose?: string): Request {
  return {
    purpose: purpose ?? `create link ${label(settings)}`,
    type: Type.new,
    flags: MessageFlag.create | MessageFlag.exclusive,
    write: (to) => writeSettings(to, settings),
  };
}

/** Changes the link of that index or, without one, of that name. With an index, a name renames. */
export function setLink(settings: LinkSettings, purpose?: string): Request {
  return {
    purpose: purpose ?? `change link ${label(settings)}`,
    type: Type.new,
    flags: 0,
    write: (to) => writeSettings(to, settings),
  };
}

/** Deletes a link. Fails with ENODEV where there is none. */
export function deleteLink(key: LinkKey): Request {
  return {
    purpose: `delete link ${label(key)}`,
    type: Type.delete,
    flags: 0,
    write: (to) => writeKey(to, key),
  };
}

/** How messages name a link. */
function label({ name, index }: { readonly name?: string; readonly index?: number }): string {
  return name ?? `number ${index}`;
}

function writeKey(to: Writer, { name, index }: LinkKey): void {
  linkHeader.put(to, { index });
  if (name === undefined) return;
  // Both find alternative names; the second has room for long ones.
  const isLong = name.length >= NAME_SIZE;
  linkAttributes.write(to, isLong ? { altName: name } : { name }, {});
}

function writeSettings(to: Writer, settings: LinkSettings): void {
  writeLinkSettings(to, settings);
  const { kind, data, portKind, portData, families } = settings;
  if (families) linkAttributes.write(to, { families }, {});
  if (kind !== undefined || portKind !== undefined) {
    linkAttributes.write(to, { linkInfo: { kind, data, portKind, portData } }, {});
  }
}

/** Reads a link from an answer, or from a notification. */
export function readLink(from: Reader, start: number, end: number): Link {
  const { index, flags, hardwareType } = linkHeader.read(from, start, end);
  const values = linkAttributes.read(from, start + linkHeader.size, end, {});
  const { operState = 0, linkInfo = {}, altNames = [], mac, broadcast } = values;
  const isVeth = linkInfo.kind === "veth";
  const link: LinkState & OtherKind & NoPort = {
    index,
    name: values.name ?? "",
    altNames,
    alias: values.alias,
    flags,
    up: (flags & LinkFlag.up) !== 0,
    operState: operStates[operState] ?? "unknown",
    carrier: values.carrier ?? false,
    hardwareType,
    mtu: values.mtu ?? 0,
    minMtu: values.minMtu,
    maxMtu: values.maxMtu,
    mac: mac || undefined,
    permanentMac: values.permanentMac,
    broadcast: broadcast || undefined,
    txQueueLength: values.txQueueLength ?? 0,
    txQueues: values.txQueues ?? 0,
    rxQueues: values.rxQueues ?? 0,
    group: values.group ?? 0,
    master: values.master,
    parent: isVeth ? undefined : values.parent,
    peerIndex: isVeth ? values.parent : undefined,
    linkNetnsId: values.linkNetnsId,
    promiscuity: values.promiscuity ?? 0,
    families: values.families ?? {},
  };
  // Which data goes with which kind is what the tables of linkAttributes say.
  return Object.assign(link, linkInfo) as Link;
}
