/**
 * A device of the host that is lent to a container. What is needed to bring it back goes with it, as alternative
 * names, which nobody inside touches by accident: by them it is found, whatever its name, and restored as it was.
 */

import { isNetlinkError } from "../netlink/error.ts";
import { addAltNames, deleteAltNames } from "../netlink/rtnetlink/alt-name.ts";
import { dumpLinks, getLink, type Link, setLink } from "../netlink/rtnetlink/link.ts";
import type { Namespace } from "../ns/namespace.ts";
import { Errno } from "../sys/errno.ts";
import { type Attachment, aliasOf, hash32 } from "./attachment.ts";
import { findLink } from "./find.ts";
import type { Valid } from "./remove.ts";

/** How a device was on the host. */
export interface Origin {
  readonly name: string;
  readonly mtu: number;
  readonly up: boolean;
  /** Devices that are no Ethernet may have none. */
  readonly mac?: string;
}

/** All our names of devices begin so. */
const ours = "tscni-";

/** The name by which the attachment's device is found. */
export function lentName(attachment: Attachment): string {
  const alias = aliasOf(attachment);
  return `${lentPrefix(attachment.network)}${hash32(alias, 0)}${hash32(alias, 1)}`;
}

/** How the names of the devices begin that a network's attachments have. */
export function lentPrefix(network: string): string {
  return `${ours}${hash32(network, 0)}-`;
}

/** The origin as a name: key, state, MTU, MAC, and last the device's name, which may hold a dash. */
export function originName(key: string, { name, mtu, up, mac }: Origin): string {
  return [key, up ? "up" : "down", mtu, mac?.replaceAll(":", "") ?? "", name].join("-");
}

/** The origin that one of a device's alternative names tells; undefined if none does. */
export function readOrigin(altNames: readonly string[]): Origin | undefined {
  for (const altName of altNames) {
    const match = /^tscni-[0-9a-f]+-[0-9a-f]+-(up|down)-(\d+)-([0-9a-f]*)-(.+)$/.exec(altName);
    if (match === null) continue;
    const [, state, mtu, digits = "", name = ""] = match;
    const mac = digits === "" ? undefined : digits.match(/../g)?.join(":");
    return { name, mtu: Number(mtu), up: state === "up", mac };
  }
  return undefined;
}

/** To whom a device is lent, and with which MTU if not its own. */
export type Loan = Attachment & { readonly mtu?: number };

/**
 * Moves the device into the container, down, under its new name. Its alias is its old name, as the reference suite
 * has it: either suite can bring it back. Call it with `takeBack` as the undo.
 */
export function lend(host: Namespace, container: Namespace, device: Link, to: Loan): Link {
  const { index, name, altNames } = device;
  const key = lentName(to);
  // The reference suite, bringing a device back, knows nothing of our names.
  const stale = altNames.filter((altName) => altName.startsWith(ours));
  if (stale.length > 0) host.send(deleteAltNames(index, stale));
  host.send(addAltNames(index, [key, originName(key, device)]), setLink({ index, alias: name }));
  // The kernel moves first, then renames: no temporary name is needed where one of the two is free.
  host.send(
    setLink({ index, netnsFd: container.fd, name: to.ifName, mtu: to.mtu }, `move link ${name}`),
  );
  return container.send(getLink({ name: key }))[0];
}

/** Where an attachment's device may be. */
export interface Whereabouts {
  readonly host: Namespace;
  /** Undefined once it is gone: the kernel has brought the device home then, under some name. */
  readonly container: Namespace | undefined;
}

/** Brings the attachment's device back and restores it. One that is gone, or home already, is no failure. */
export function takeBack({ host, container }: Whereabouts, attachment: Attachment): void {
  const key = lentName(attachment);
  const named = container && findLink(container, { name: key });
  const device = named ?? (container && lentByOthers(container, attachment.ifName));
  if (container && device) restore(host, container, device);
  const atHome = findLink(host, { name: key });
  if (atHome !== undefined) restore(host, host, atHome);
}

/** A device that the reference suite lent: all it left is the alias, which is a name. Other aliases say other things. */
function lentByOthers(container: Namespace, name: string): Link | undefined {
  const link = findLink(container, { name });
  if (link === undefined || readOrigin(link.altNames) !== undefined) return undefined;
  return /^[^\s/:]{1,15}$/.test(link.alias ?? "") ? link : undefined;
}

/** Brings back the devices of the network that are home, but not restored, and that no valid attachment has. */
export function takeBackStale(host: Namespace, { network, attachments }: Valid): void {
  const spared = new Set(
    attachments.map(({ containerID, ifname }) =>
      lentName({ network, containerId: containerID, ifName: ifname }),
    ),
  );
  for (const link of host.socket.dump(dumpLinks())) {
    const key = link.altNames.find((name) => name.startsWith(lentPrefix(network)));
    if (key === undefined || link.altNames.some((name) => spared.has(name))) continue;
    restore(host, host, link);
  }
}

function restore(host: Namespace, from: Namespace, device: Link): void {
  const { up, ...origin } = readOrigin(device.altNames) ?? originByAlias(device);
  const { index } = device;
  const { name } = origin;
  // A move takes it down by itself.
  if (from === host) host.send(setLink({ index, up: false }));
  const netnsFd = from === host ? undefined : host.fd;
  const settings = { index, netnsFd, name, ...changed(device, origin), alias: "" };
  try {
    from.send(setLink(settings, `bring back link ${device.name}`));
  } catch (error) {
    if (!isNetlinkError(error, Errno.EEXIST)) throw error;
    const why = `${error.message}: the host has another interface of that name`;
    throw new Error(`failed to restore "${device.name}" to original name "${name}": ${why}`);
  }
  const [home] = host.send(getLink({ name }));
  const names = home.altNames.filter((altName) => altName.startsWith(ours));
  host.send(setLink({ index: home.index, up }));
  // Last: until here a further DEL finds it.
  if (names.length > 0) host.send(deleteAltNames(home.index, names));
}

/** What is to be set of the device: some let nobody set even what they have. */
function changed(device: Link, { mac, mtu }: Pick<Origin, "mac" | "mtu">) {
  return {
    mac: mac === device.mac ? undefined : mac,
    mtu: mtu === device.mtu ? undefined : mtu,
  };
}

function originByAlias({ alias, mtu, mac }: Link): Origin {
  return { name: alias ?? "", mtu, mac, up: false };
}
