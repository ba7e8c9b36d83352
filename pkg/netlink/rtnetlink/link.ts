/** Links, that is network interfaces: requests to find, make, change and delete them. */

import { put } from "../codec.ts";
import { MessageFlag, type Request } from "../message.ts";
import type { Writer } from "../wire.ts";
import { type Link, readLink } from "./link-answer.ts";
import {
  type FamilySettings,
  type LinkInfo,
  type LinkKind,
  linkAttributes,
  type PortKind,
} from "./link-attributes.ts";
import { type PlainLinkSettings, writeLinkHeader, writeLinkSettings } from "./link-settings.ts";

export type { Link } from "./link-answer.ts";

/** RTM_*LINK, linux/rtnetlink.h */
const Type = { new: 16, delete: 17, get: 18 } as const;

/** RTEXT_FILTER_SKIP_STATS: half of a link's answer is counters that nobody here reads */
const SKIP_STATS = 8;
/** IFNAMSIZ with its NUL: longer names are alternative ones */
const NAME_SIZE = 16;

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
      writeKey(to, key, SKIP_STATS);
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
      writeLinkHeader(to);
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

const entries = linkAttributes.table;

function writeKey(to: Writer, { name, index }: LinkKey, extMask?: number): void {
  writeLinkHeader(to, index);
  // Both names find alternative ones; the second has room for long ones.
  const isLong = name !== undefined && name.length >= NAME_SIZE;
  put(to, isLong ? entries.altName : entries.name, name);
  put(to, entries.extMask, extMask);
}

function writeSettings(to: Writer, settings: LinkSettings): void {
  writeLinkSettings(to, settings);
  const { kind, data, portKind, portData, families } = settings;
  put(to, entries.families, families);
  if (kind !== undefined || portKind !== undefined) {
    put(to, entries.linkInfo, { kind, data, portKind, portData } as LinkInfo);
  }
}
