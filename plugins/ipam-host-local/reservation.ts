/** Reservation files: named after an address, each saying who holds it. */

import { parseAddress } from "../../pkg/ip/address.ts";
import { isSysError } from "../../pkg/sys/errno.ts";
import type { Fd } from "../../pkg/sys/fd.ts";
import { listDirectory, OpenFlag, openFile, read } from "../../pkg/sys/file.ts";
import { decode } from "../../pkg/sys/text.ts";

/** One attachment. `ifName` is empty in files of old versions, which named the container only. */
export interface Owner {
  readonly containerId: string;
  readonly ifName: string;
}

const containerIdShape = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
const ifNameShape = /^[^/:\s]+$/;

/** Longer than any owner a runtime names. */
const longestContent = 1024;

/** A reservation's content; no line end follows it. */
export function formatOwner({ containerId, ifName }: Owner): string {
  return `${containerId}\r\n${ifName}`;
}

/** The owner that a content names; undefined where it is empty or torn: it names nobody who could release it. */
export function parseOwner(content: string): Owner | undefined {
  const [containerId = "", ifName, ...more] = content.trim().split("\r\n");
  if (!containerIdShape.test(containerId) || more.length > 0) return undefined;
  if (ifName === undefined) return { containerId, ifName: "" };
  return ifNameShape.test(ifName) ? { containerId, ifName } : undefined;
}

/** The addresses that have a file in a network's directory, whole or torn. */
export function listReserved(directory: Fd): string[] {
  return listDirectory(directory).filter((name) => parseAddress(name) !== undefined);
}

/** Who holds an address. A torn file counts as free, one that cannot be read does not. */
export function readOwner(directory: Fd, address: string): Owner | "torn" | "unknown" {
  let content: string;
  try {
    // What pretends to be a reservation may be a pipe.
    const flags = OpenFlag.readOnly | OpenFlag.nonBlocking;
    using file = openFile(address, flags, 0, directory);
    const buffer = new Uint8Array(longestContent);
    const length = read(file, buffer);
    if (length === longestContent) return "unknown";
    content = decode(buffer.subarray(0, length));
  } catch (error) {
    if (isSysError(error)) return "unknown";
    throw error;
  }
  return parseOwner(content) ?? "torn";
}
