/**
 * A quick look at connections where they are few. To list them over ctnetlink the kernel takes a lock for each slot of
 * its table, of which a big machine has hundreds of thousands: milliseconds, whatever there is. It prints them without.
 */

import { Errno, isSysError } from "../sys/errno.ts";
import { OpenFlag, openFile, read } from "../sys/file.ts";
import { decode } from "../sys/text.ts";

/** More than fit a page, which is what the kernel prints in one go. */
const mostShown = 16;
const pages = 16_384;

/** Protocol and, where it has any, the port that the connection was opened to. */
const line = /^\S+ +\d+ +\S+ +(\d+) .*?(?: dport=(\d+) |$)/;

/** What a connection was opened to. */
export interface Opened {
  readonly protocol: number;
  readonly destinationPort: number | undefined;
}

/**
 * What the namespace's connections, of which there are `count`, were opened to. Undefined where that cannot be told: they
 * are too many to be read in one go, between which the list shifts, or the kernel prints none.
 */
export function readFew(count: number): Opened[] | undefined {
  if (count > mostShown) return undefined;
  try {
    using file = openFile("/proc/thread-self/net/nf_conntrack", OpenFlag.readOnly);
    const buffer = new Uint8Array(pages);
    const length = read(file, buffer);
    if (length > 0 && read(file, buffer.subarray(length)) > 0) return undefined;
    return parseFlows(decode(buffer.subarray(0, length)));
  } catch (error) {
    if (isSysError(error, Errno.ENOENT, Errno.EACCES)) return undefined;
    throw error;
  }
}

/** Reads what the kernel prints; undefined where a line says something else. */
export function parseFlows(text: string): Opened[] | undefined {
  const flows: Opened[] = [];
  for (const printed of text.split("\n")) {
    if (printed === "") continue;
    const [, protocol, port] = line.exec(printed) ?? [];
    if (protocol === undefined) return undefined;
    const destinationPort = port === undefined ? undefined : Number(port);
    flows.push({ protocol: Number(protocol), destinationPort });
  }
  return flows;
}
