/**
 * Connections as the kernel prints them in /proc/net/nf_conntrack, one a line. It prints a page at a time and finds its
 * place again by counting: when one goes between two pages, another that stands behind it may not be printed at all.
 */

import { type Family, parseAddress } from "../ip/address.ts";
import { type Direction, type Flow, isMeant, type Sought } from "./flow.ts";

/** PAGE_SIZE where it is smallest: a text that is no longer was printed in one go. */
const page = 4096;
/** Where connections come and go so fast that no two of these agree, they have to be listed. */
const mostReadings = 4;

/**
 * The lines of all connections, of which there are at least `count`. `read` takes all that the kernel prints, undefined
 * if it cannot. Undefined where no two readings in a row show the same connections.
 */
export function settledLines(count: number, read: () => string | undefined): string[] | undefined {
  let before: string[] | undefined;
  for (let reading = 0; reading < mostReadings; reading++) {
    const text = read();
    if (text === undefined) return undefined;
    const lines = text.split("\n");
    lines.pop(); // what follows the last end of line
    if (text.length <= page && lines.length >= count) return lines;
    if (before !== undefined && showSame(before, lines)) return lines;
    before = lines;
  }
  return undefined;
}

/** Whether two readings show the same connections: who was passed over in one of them stands in the other. */
function showSame(some: readonly string[], others: readonly string[]): boolean {
  return (
    some.length === others.length &&
    // Few lines change between readings that follow each other at once.
    some.every((line, at) => line === others[at] || nameOf(line) === nameOf(others[at] ?? ""))
  );
}

/** Protocol, addresses and ports as it was opened: seconds left, state and counters change. */
const name = /^(\S+ +\d+ \S+ +\d+ ).*?(src=\S+ dst=\S+ (?:sport=\d+ dport=\d+ )?)/;

function nameOf(line: string): string {
  const [, protocol, ends] = name.exec(line) ?? [];
  return protocol === undefined ? line : `${protocol}${ends}`;
}

/** How a line of each family begins: name and AF_INET or AF_INET6, linux/socket.h */
const beginning = { 4: "ipv4     2 ", 6: "ipv6     10 " } as const;
/** How wide the column of the protocol's name is, before its number. */
const nameWidth = 8;
const portKey = " dport=";

/** How it was opened and how its answers come, and its zone. */
const whole =
  /src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+) .*?src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+) (?:.* zone=(\d+) )?/;

/**
 * Those of the lines that are meant; undefined where one says something else than a connection. Looks at places first: an
 * expression for all of a line costs five times as much, and few are meant.
 */
export function readLines(lines: readonly string[], sought: Sought): Flow[] | undefined {
  const found: Flow[] = [];
  const number = ` ${sought.protocol} `;
  for (const line of lines) {
    const family = line.startsWith(beginning[4]) ? 4 : 6;
    if (family === 6 && !line.startsWith(beginning[6])) return undefined;
    const numberAt = beginning[family].length + nameWidth;
    if (line[numberAt] !== " ") return undefined;
    if (!line.startsWith(number, numberAt)) continue;
    const keyAt = line.indexOf(portKey);
    if (keyAt < 0) return undefined;
    const portAt = keyAt + portKey.length;
    const port = line.slice(portAt, line.indexOf(" ", portAt));
    if (!isMeant(sought, family, Number(port))) continue;
    const flow = readFlow(line, family, sought.protocol);
    if (flow === undefined) return undefined;
    found.push(flow);
  }
  return found;
}

function readFlow(line: string, family: Family, protocol: number): Flow | undefined {
  const parts = whole.exec(line)?.slice(1) ?? [];
  const original = readDirection(family, parts.slice(0, 4));
  const reply = readDirection(family, parts.slice(4, 8));
  if (original === undefined || reply === undefined) return undefined;
  const zone = Number(parts[8] ?? 0) || undefined; // as ctnetlink, which leaves the default out
  return { protocol, original, reply, zone };
}

function readDirection(family: Family, texts: readonly string[]): Direction | undefined {
  const [from = "", to = "", sourcePort, destinationPort] = texts;
  const source = parseAddress(from);
  const destination = parseAddress(to);
  if (source?.family !== family || destination?.family !== family) return undefined;
  return {
    source,
    destination,
    sourcePort: Number(sourcePort),
    destinationPort: Number(destinationPort),
  };
}
