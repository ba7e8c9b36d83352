/** Reservation files: named after an address, each saying who holds it. */

import { Errno, exhausted, SysError } from "../../../pkg/sys/errno.ts";
import type { Fd } from "../../../pkg/sys/fd.ts";
import { listDirectory, OpenFlag } from "../../../pkg/sys/file.ts";
import { attempt } from "../../../pkg/sys/syscall.ts";
import { decode } from "../../../pkg/sys/text.ts";

/** One attachment. `ifName` is empty in files of old versions, which named the container only. */
export interface Owner {
  readonly containerId: string;
  readonly ifName: string;
}

/** How an attachment is called beside the files. Neither part can hold a colon. */
export function nameOf({ containerId, ifName }: Owner): string {
  return `${containerId}:${ifName}`;
}

/** A container id, and behind CR LF an interface name; blanks around them do not count. */
const ownerShape = /^\s*([a-zA-Z0-9][a-zA-Z0-9_.-]*)(?:\r\n([^/:\s]+))?\s*$/;

/** What no other file in the directory is called like. Ten thousand names are too many to parse each. */
const addressShape = /^(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9a-f]*:[0-9a-f:.]+)$/;

/** Longer than any owner a runtime names. */
const longestContent = 1024;

/** What pretends to be a reservation may be a link, or a pipe. */
const openFlags =
  OpenFlag.readOnly | OpenFlag.noFollow | OpenFlag.nonBlocking | OpenFlag.closeOnExec;

/** A reservation's content; no line end follows it. */
export function formatOwner({ containerId, ifName }: Owner): string {
  return `${containerId}\r\n${ifName}`;
}

/** The owner that a content names; undefined where it is empty or torn: it names nobody who could release it. */
export function parseOwner(content: string): Owner | undefined {
  const [, containerId, ifName = ""] = ownerShape.exec(content) ?? [];
  return containerId === undefined ? undefined : { containerId, ifName };
}

/** Whether a file in a network's directory is a reservation. */
export function isReservationName(name: string): boolean {
  return addressShape.test(name);
}

/** The addresses that have a file in a network's directory, whole or torn. */
export function listReserved(directory: Fd): string[] {
  return listDirectory(directory).filter(isReservationName);
}

/** What opening or reading says of something that is no reservation: a link, a directory, a socket, or gone. */
const notAFile: readonly number[] = [Errno.ELOOP, Errno.EISDIR, Errno.ENXIO, Errno.ENOENT];

/**
 * Who holds an address. A torn file counts as free, others do not: neither what is no reservation, which is "unknown"
 * for good, nor an "unreadable" one, which the next process may well be able to read. Throws where no file could be
 * read: a DEL that finds nothing then must not say that there is nothing.
 */
export function readOwner(
  directory: Fd,
  address: string,
): Owner | "torn" | "unknown" | "unreadable" {
  const found = tryToRead(directory, address);
  // What fails only once must not cost a DEL the address that it came to release.
  return found === "unreadable" ? tryToRead(directory, address) : found;
}

function tryToRead(directory: Fd, address: string): ReturnType<typeof readOwner> {
  // Plain calls: a network's first ADD, and every one after somebody else's, comes here for each reservation.
  const fd = attempt("openat", directory.fd, address, openFlags, 0);
  const buffer = new Uint8Array(longestContent);
  const length = fd < 0 ? fd : attempt("read", fd, buffer, longestContent);
  if (fd >= 0) attempt("close", fd);
  if (exhausted.includes(-length)) {
    throw new SysError("read", -length, `${directory.subject}/${address}`);
  }
  if (length < 0) return notAFile.includes(-length) ? "unknown" : "unreadable";
  if (length === longestContent) return "unknown";
  return parseOwner(decode(buffer.subarray(0, length))) ?? "torn";
}

/** An attachment with what it holds. */
export interface Holder {
  readonly owner: Owner;
  addresses: string[];
  /** As `describeNamespace` has it; no file tells it, so it may be empty. */
  namespace: string;
}

/** Who holds what, by `nameOf`, read from the files of all addresses but some. */
export function readHolders(directory: Fd, except?: ReadonlySet<string>): Map<string, Holder> {
  const holders = new Map<string, Holder>();
  for (const address of listReserved(directory)) {
    if (except?.has(address)) continue;
    const owner = readOwner(directory, address);
    if (typeof owner !== "object") continue;
    const name = nameOf(owner);
    const holder = holders.get(name);
    if (holder) holder.addresses.push(address);
    else holders.set(name, { owner, addresses: [address], namespace: "" });
  }
  return holders;
}
