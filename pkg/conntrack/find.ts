/**
 * Finds connections at the least cost. To list them over ctnetlink the kernel takes a lock for each slot of its table, of
 * which a big machine has hundreds of thousands: milliseconds, whatever there is. It prints them without.
 */

import { type Family, families } from "../ip/address.ts";
import type { NetlinkSocket } from "../netlink/socket.ts";
import { Errno, isSysError } from "../sys/errno.ts";
import { OpenFlag, openFile, readAt } from "../sys/file.ts";
import { decode } from "../sys/text.ts";
import { countFlows, dumpFlows, type Flow, isMeant, type Sought } from "./flow.ts";
import { readLines, settledLines } from "./printed.ts";

/**
 * Read twice and taken apart, 60 take 1.4 ms here, 512 take 5, 2,000 take 23, where listing both families takes 23 ms, or 39
 * with half of 512 told. Kernels before 6.15 begin at the front of the table for each page, which may double it. One listing
 * without a filter would do for both families, but to decode it costs 40 µs for each connection.
 */
const mostPrinted = 512;
/** More than a line takes: twice what is usual, and a page for those that come meanwhile. */
const bytesPerLine = 512;
const bytesBesides = 4096;

/** The namespace's connections that are meant. Those it does not name by an id are deleted by what they are. */
export function findFlows(socket: NetlinkSocket, sought: Sought): Flow[] {
  const [count] = socket.send(countFlows());
  if (count === 0) return [];
  const lines = count > mostPrinted ? undefined : readPrinted(count);
  const printed = lines && readLines(lines, sought);
  return printed ?? families.flatMap((family) => listFlows(socket, family, sought));
}

/** The lines of all connections; undefined where the kernel prints none, or not all. */
function readPrinted(count: number): string[] | undefined {
  const room = count * bytesPerLine + bytesBesides;
  try {
    using file = openFile("/proc/thread-self/net/nf_conntrack", OpenFlag.readOnly);
    return settledLines(count, () => {
      const bytes = readAt(file, room, 0);
      return bytes.length === room ? undefined : decode(bytes);
    });
  } catch (error) {
    if (isSysError(error, Errno.ENOENT, Errno.EACCES)) return undefined;
    throw error;
  }
}

function listFlows(socket: NetlinkSocket, family: Family, sought: Sought): Flow[] {
  const { protocol, ports } = sought;
  const [first, ...others] = ports[family];
  if (first === undefined) return [];
  const isOne = others.length === 0 && first.size === 1;
  const [destinationPort] = isOne ? first.keys() : [];
  const flows = socket.dump(dumpFlows({ family, protocol, destinationPort }));
  return flows.filter(({ original }) => isMeant(sought, family, original.destinationPort));
}
