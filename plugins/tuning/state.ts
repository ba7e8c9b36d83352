/** What the plugin changes, as values: read, made so, compared. */

import { findLink } from "../../pkg/link/find.ts";
import { findHostEnd } from "../../pkg/link/host-end.ts";
import { isNetlinkError } from "../../pkg/netlink/error.ts";
import { type Link, setLink } from "../../pkg/netlink/rtnetlink/link.ts";
import { LinkFlag } from "../../pkg/netlink/rtnetlink/link-settings.ts";
import type { Namespace } from "../../pkg/ns/namespace.ts";
import { Errno, isSysError } from "../../pkg/sys/errno.ts";
import { readSysctl, writeSysctl } from "../../pkg/sysctl/sysctl.ts";
import { sameValue } from "./sysctl-name.ts";

/** An interface's values, by the names they have in configurations and in the reference's backup files. */
export interface LinkValues {
  readonly mac?: string;
  readonly promisc?: boolean;
  readonly mtu?: number;
  readonly allmulti?: boolean;
  readonly txQLen?: number;
}

/** The names in the order in which the reference writes them. */
export const linkKeys = ["mac", "promisc", "mtu", "allmulti", "txQLen"] as const;

/** The other end of a veth pair, on the host, which has the same MTU. */
export interface HostEnd {
  readonly name: string;
  readonly mtu: number;
}

/** Values of an attachment: wanted ones, or how they were. */
export interface State {
  readonly link: LinkValues;
  readonly hostEnd?: HostEnd;
  /** By their files below /proc/sys. */
  readonly sysctl: Readonly<Record<string, string>>;
}

/** Where an attachment is. */
export interface Place {
  readonly host: Namespace;
  readonly container: Namespace;
  readonly ifName: string;
}

/** Where each value is in what the kernel tells of a link, and by which name it is set. */
const places = {
  mac: { read: (link: Link) => link.mac, setting: "mac" },
  promisc: {
    read: ({ flags }: Link) => (flags & LinkFlag.promiscuous) !== 0,
    setting: "promiscuous",
  },
  mtu: { read: (link: Link) => link.mtu, setting: "mtu" },
  allmulti: {
    read: ({ flags }: Link) => (flags & LinkFlag.allMulticast) !== 0,
    setting: "allMulticast",
  },
  txQLen: { read: (link: Link) => link.txQueueLength, setting: "txQueueLength" },
} as const;

/** The link's values of which `wanted` has one. */
export function valuesOf(link: Link, wanted: LinkValues): LinkValues {
  const values: Record<string, unknown> = {};
  for (const key of linkKeys) {
    if (wanted[key] !== undefined) values[key] = places[key].read(link);
  }
  return values;
}

/** Whether a configuration wants anything of the interface itself. */
export function wantsLink(link: LinkValues): boolean {
  return linkKeys.some((key) => link[key] !== undefined);
}

/** The container's interface. Throws where it is missing. */
export function requireLink({ container, ifName }: Place): Link {
  const link = findLink(container, { name: ifName });
  if (link === undefined) throw new Error(`Cannot find container link ${ifName}`);
  return link;
}

/**
 * Gives the link what it does not have yet: a value that is right needs no right to change it. `present` is what it has,
 * for who knows.
 */
export function setValues(
  namespace: Namespace,
  link: Link,
  wanted: LinkValues,
  present = valuesOf(link, wanted),
): void {
  const settings: Record<string, unknown> = {};
  let differs = false;
  for (const key of linkKeys) {
    if (wanted[key] === present[key]) continue;
    settings[places[key].setting] = wanted[key];
    differs = true;
  }
  if (!differs) return;
  namespace.send(setLink({ ...settings, index: link.index }, `tune link ${link.name}`));
}

/** The values that the files have now; those that cannot be told are missing. */
export function readSysctls(
  container: Namespace,
  files: readonly string[],
): Readonly<Record<string, string>> {
  if (files.length === 0) return {};
  const values: Record<string, string> = {};
  container.run(() => {
    for (const file of files) {
      const value = tryRead(file);
      if (value !== undefined) values[file] = value;
    }
  });
  return values;
}

/** Undefined for one that is only for writing, and for a secret that was not set yet. */
function tryRead(file: string): string | undefined {
  try {
    return readSysctl(file);
  } catch (error) {
    if (isSysError(error, Errno.EACCES, Errno.EPERM)) return undefined;
    if (isSysError(error, Errno.EIO) && file.endsWith("/stable_secret")) return undefined;
    throw error;
  }
}

/** Writes the values that differ from those that are there. */
export function writeSysctls(
  container: Namespace,
  wanted: Readonly<Record<string, string>>,
  present: Readonly<Record<string, string>>,
): void {
  const differing = Object.entries(wanted).filter(
    ([file, value]) => !sameValue(present[file] ?? "\0", value),
  );
  if (differing.length === 0) return;
  container.run(() => {
    for (const [file, value] of differing) writeSysctl(file, value);
  });
}

/**
 * Puts values back. What is gone by now is passed over; what the kernel will not take any more is told in the log
 * only, as nobody could ever remove the container otherwise.
 */
export function restore(place: Place, saved: State, log: (line: string) => void): void {
  const link = findLink(place.container, { name: place.ifName });
  if (link !== undefined) {
    const { hostEnd } = saved;
    const peer = hostEnd && findHostEnd(place.host, place.container, link);
    if (peer && peer.name === hostEnd.name)
      tolerate(log, () => setValues(place.host, peer, { mtu: hostEnd.mtu }));
    restoreValues(place.container, link, saved.link, log);
  }
  const values = Object.entries(saved.sysctl);
  if (values.length === 0) return;
  place.container.run(() => {
    for (const [file, value] of values) {
      tolerate(log, () => {
        if (!sameValue(readSysctl(file), value)) writeSysctl(file, value);
      });
    }
  });
}

/** All in one go, else one by one: a value that is refused must not keep the others from being put back. */
function restoreValues(
  container: Namespace,
  link: Link,
  saved: LinkValues,
  log: (line: string) => void,
): void {
  try {
    setValues(container, link, saved);
  } catch (error) {
    if (!isNetlinkError(error)) throw error;
    for (const key of linkKeys) {
      tolerate(log, () => setValues(container, link, { [key]: saved[key] }));
    }
  }
}

const {
  EACCES,
  EADDRINUSE,
  EADDRNOTAVAIL,
  EBUSY,
  EINVAL,
  ENODEV,
  ENOENT,
  EOPNOTSUPP,
  EPERM,
  EROFS,
} = Errno;

function tolerate(log: (line: string) => void, step: () => void): void {
  try {
    step();
  } catch (error) {
    const isGone = isSysError(error, ENOENT) || isNetlinkError(error, ENODEV);
    if (isGone) return;
    const isRefused =
      isSysError(error, EACCES, EPERM, EROFS, EINVAL) ||
      isNetlinkError(error, EADDRINUSE, EADDRNOTAVAIL, EBUSY, EINVAL, EOPNOTSUPP, EPERM);
    if (!isRefused) throw error;
    log(`not restored: ${error.message}`);
  }
}
