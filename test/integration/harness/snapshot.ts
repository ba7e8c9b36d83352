/** What a plugin could leave behind, as sorted lines of text: two of them are compared, and a difference explains itself. */

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Host } from "./host.ts";

/** Links, addresses, routes and rules by namespace, and the reservations. */
export interface Snapshot {
  readonly host: readonly string[];
  readonly containers: Readonly<Record<string, readonly string[]>>;
  readonly reservations: readonly string[];
}

interface LinkJson {
  ifname: string;
  flags: string[];
  mtu: number;
  master?: string;
  address?: string;
  ifalias?: string;
  promiscuity?: number;
  linkinfo?: { info_kind?: string };
  addr_info: { family: string; local: string; prefixlen: number; scope: string }[];
}

interface RouteJson {
  type?: string;
  dst: string;
  gateway?: string;
  dev?: string;
  table?: string;
  metric?: number;
  scope?: string;
}

interface RuleJson {
  priority: number;
  src: string;
  table?: string;
}

const queries = [
  "address show",
  "route show table all root 0.0.0.0/0",
  "rule show",
  "route show table all root ::/0",
];

/** Everything in the world's own namespace and in the named ones, and the store. Sysctls take most of its time. */
export async function readSnapshot(
  host: Host,
  netns: readonly string[],
  { sysctls = true } = {},
): Promise<Snapshot> {
  const [hostLines, ...rest] = await Promise.all([
    readNamespace(host, undefined),
    ...netns.map(async (name) => [
      ...(await readNamespace(host, name)),
      ...(sysctls ? await readSysctls(host, name) : []),
    ]),
  ]);
  return {
    host: hostLines ?? [],
    containers: Object.fromEntries(netns.map((name, i) => [name, rest[i] ?? []])),
    reservations: readReservations(host),
  };
}

/** What has come (+) and gone (-) between two snapshots; empty if they are the same. */
export function changes(before: Snapshot, after: Snapshot): string[] {
  const where = new Set([...Object.keys(before.containers), ...Object.keys(after.containers)]);
  return [
    ...changedLines("host", before.host, after.host),
    ...[...where].flatMap((name) =>
      changedLines(name, before.containers[name] ?? [], after.containers[name] ?? []),
    ),
    ...changedLines("reservation", before.reservations, after.reservations),
  ];
}

function changedLines(
  where: string,
  before: readonly string[],
  after: readonly string[],
): string[] {
  return [
    ...without(before, after).map((line) => `- ${where}: ${line}`),
    ...without(after, before).map((line) => `+ ${where}: ${line}`),
  ];
}

/** The lines that the others lack; of a line that is there twice, one. */
function without(lines: readonly string[], others: readonly string[]): string[] {
  const left = [...others];
  return lines.filter((line) => {
    const at = left.indexOf(line);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

async function readNamespace(host: Host, netns: string | undefined): Promise<string[]> {
  const [[links, routes4, rules4, routes6], [rules6]] = await Promise.all([
    host.ipBatch(netns, [], queries),
    host.ipBatch(netns, ["-6"], ["rule show"]),
  ]);
  return [
    ...(links as LinkJson[]).flatMap(linesOfLink),
    ...[...(routes4 as RouteJson[]), ...(routes6 as RouteJson[])].flatMap(linesOfRoute),
    ...(rules4 as RuleJson[]).map(lineOfRule(4)),
    ...(rules6 as RuleJson[]).map(lineOfRule(6)),
  ].sort();
}

/** Without what the kernel changes by itself: carrier, link-local addresses, the MAC of a bridge. */
function linesOfLink(link: LinkJson): string[] {
  const kind = link.linkinfo?.info_kind ?? "";
  const flags = link.flags.filter((flag) => !["LOWER_UP", "NO-CARRIER"].includes(flag));
  const own = [
    `link ${link.ifname}`,
    kind,
    `mtu ${link.mtu}`,
    `flags ${flags.sort().join(",")}`,
    `promiscuity ${link.promiscuity ?? 0}`,
    link.master === undefined ? "" : `master ${link.master}`,
    link.ifalias === undefined ? "" : `alias ${link.ifalias}`,
    kind === "bridge" ? "" : `mac ${link.address}`,
  ];
  const addresses = link.addr_info
    .filter(({ family, scope }) => !(family === "inet6" && scope === "link"))
    .map(({ local, prefixlen }) => `address ${local}/${prefixlen} on ${link.ifname}`);
  return [own.filter((part) => part !== "").join(" "), ...addresses];
}

function linesOfRoute(route: RouteJson): string[] {
  const { type = "unicast", dst, gateway, dev, table = "main", metric, scope } = route;
  // fe80:: and ff00:: come and go with the carrier, an IPv6 address's own routes with its DAD; the address tells.
  if (/^f[ef]/.test(dst)) return [];
  if (dst.includes(":") && (type === "local" || type === "anycast")) return [];
  const parts = [`route ${type} ${dst} dev ${dev} table ${table}`];
  if (gateway !== undefined) parts.push(`via ${gateway}`);
  if (metric !== undefined) parts.push(`metric ${metric}`);
  if (scope !== undefined) parts.push(`scope ${scope}`);
  return [parts.join(" ")];
}

function lineOfRule(family: number): (rule: RuleJson) => string {
  return ({ priority, src, table }) => `rule v${family} ${priority} from ${src} lookup ${table}`;
}

/** Settings of the whole namespace; those of an interface go with it. */
async function readSysctls(host: Host, netns: string): Promise<string[]> {
  const folders = ["ipv4", "ipv6"].flatMap((family) =>
    ["all", "default", "lo"].map((name) => `/proc/sys/net/${family}/conf/${name}`),
  );
  // Some cannot be read before they are set (stable_secret).
  const lines = await host.grep(netns, ...folders, "/proc/sys/net/ipv4/ip_forward");
  return lines.map((line) => `sysctl ${line.slice("/proc/sys/net/".length)}`).sort();
}

/** The files named after addresses, with their owners: `net1/10.1.0.2 container-c1 eth0`. */
export function readReservations(host: Host, dataDir = "/var/lib/cni/networks"): string[] {
  const root = host.outside(dataDir);
  const lines: string[] = [];
  for (const network of listDirectory(root)) {
    const folder = join(root, network);
    if (!statSync(folder).isDirectory()) continue;
    for (const name of listDirectory(folder)) {
      if (!/^[0-9a-f]*[.:][0-9a-f.:]*$/.test(name)) continue;
      const owner = readFileSync(join(folder, name), "utf8").split(/\r\n/).join(" ");
      lines.push(`${network}/${name} ${owner}`);
    }
  }
  return lines.sort();
}

function listDirectory(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return []; // the first ADD makes it
  }
}
