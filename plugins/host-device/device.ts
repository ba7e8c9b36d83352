/** Which device a configuration means: by name, MAC address, place in /sys/devices, or on a bus. */

import { goQuote } from "../../pkg/cni/quote.ts";
import { formatMac, parseMac } from "../../pkg/ip/mac.ts";
import { findLink } from "../../pkg/link/find.ts";
import { dumpLinks, type Link } from "../../pkg/netlink/rtnetlink/link.ts";
import type { Namespace } from "../../pkg/ns/namespace.ts";
import { refuse } from "../../pkg/skel/refuse.ts";
import { isSysError } from "../../pkg/sys/errno.ts";
import { listDirectory, readLink } from "../../pkg/sys/file.ts";
import { tryStat } from "../../pkg/sys/statx.ts";

const pciDevices = "/sys/bus/pci/devices";
const auxiliaryDevices = "/sys/bus/auxiliary/devices";
/** Drivers that hand a device to a program, so that there is no link. */
const userspaceDrivers: readonly string[] = ["vfio-pci", "uio_pci_generic", "igb_uio"];

/** The keys that name a device; the first one that is given counts. */
export interface DeviceKeys {
  readonly device: string;
  readonly hwaddr: string;
  readonly kernelpath: string;
  readonly pciBusID: string;
  readonly auxiliary: string;
}

/** What a configuration says, with the runtime's device id in the place that its bus gives it. */
export function deviceKeys(
  { device, hwaddr, kernelpath, pciBusID }: Omit<DeviceKeys, "auxiliary">,
  deviceId: string | undefined,
): DeviceKeys {
  const resolved = { device, hwaddr, kernelpath, ...byDeviceId(pciBusID, deviceId) };
  if (Object.values(resolved).some((value) => value !== "")) return resolved;
  return refuse(`specify either "device", "hwaddr", "kernelpath" or "pciBusID"`);
}

function byDeviceId(pciBusID: string, id: string | undefined) {
  if (!id) return { pciBusID, auxiliary: "" };
  if (tryStat(`${pciDevices}/${id}`) !== undefined) return { pciBusID: id, auxiliary: "" };
  if (tryStat(`${auxiliaryDevices}/${id}`) !== undefined) return { pciBusID: "", auxiliary: id };
  return refuse(`runtime config DeviceID ${id} not found or unsupported`);
}

/** Whether a program drives the device. Throws in the reference's words where no driver does. */
export function isUserspaceDevice({ pciBusID }: DeviceKeys): boolean {
  if (pciBusID === "") return false;
  try {
    const driver = readLink(`${pciDevices}/${pciBusID}/driver`);
    return userspaceDrivers.includes(driver.slice(driver.lastIndexOf("/") + 1));
  } catch (error) {
    if (!isSysError(error)) throw error;
    throw new Error(`error with host device: ${error.message}`);
  }
}

/** The device's link. Throws in the reference's words where there is none. */
export function findDevice(host: Namespace, keys: DeviceKeys): Link {
  const { device, hwaddr, kernelpath, pciBusID, auxiliary } = keys;
  if (device !== "") return linkNamed(host, device);
  if (hwaddr !== "") return linkOfMac(host, hwaddr);
  if (kernelpath !== "") return linkIn(host, netOfKernelPath(kernelpath));
  if (pciBusID !== "") return linkIn(host, netOfPciDevice(pciBusID));
  return linkIn(host, `${auxiliaryDevices}/${auxiliary}/net`);
}

function linkNamed(host: Namespace, name: string): Link {
  return findLink(host, { name }) ?? notFound("Link not found");
}

function linkOfMac(host: Namespace, text: string): Link {
  const mac = parseMac(text);
  if (mac === undefined) {
    const reason = `address ${text}: invalid MAC address`;
    return refuse(
      `failed to find host device: failed to parse MAC address ${goQuote(text)}: ${reason}`,
    );
  }
  const wanted = formatMac(mac);
  const found = host.socket.dump(dumpLinks()).find((link) => link.mac === wanted);
  return found ?? notFound("failed to find physical interface");
}

function netOfKernelPath(path: string): string {
  if (path.startsWith("/sys/devices/")) return `${path}/net`;
  return refuse(
    `failed to find host device: kernel device path ${goQuote(path)} must be absolute and begin with /sys/devices/`,
  );
}

/** A virtio device has a directory of its own below that of its PCI function. */
function netOfPciDevice(id: string): string {
  const device = `${pciDevices}/${id}`;
  if (tryStat(`${device}/net`) !== undefined) return `${device}/net`;
  for (const name of namesIn(device).sort()) {
    const net = `${device}/${name}/net`;
    if (name.startsWith("virtio") && tryStat(net) !== undefined) return net;
  }
  return notFound(`no net directory under pci device ${id}`);
}

/** The first interface that a directory of sysfs names. */
function linkIn(host: Namespace, directory: string): Link {
  for (const name of namesIn(directory).sort()) {
    const link = findLink(host, { name });
    if (link !== undefined) return link;
  }
  return notFound("failed to find physical interface");
}

/** None where there is no such directory. */
function namesIn(directory: string): string[] {
  try {
    return listDirectory(directory);
  } catch (error) {
    if (isSysError(error)) return [];
    throw error;
  }
}

function notFound(reason: string): never {
  throw new Error(`failed to find host device: ${reason}`);
}
