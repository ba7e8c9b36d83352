/** An interface plugin beside the reference's: the same configuration, the same outcome, but for what is explained here. */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { reference, withoutNewReference } from "./executables.ts";
import { assertSuccess, type Result, resultOf } from "./expect.ts";
import { type Host, withHost } from "./host.ts";
import { addWire, networkOf } from "./interface-plugin.ts";
import type { Config } from "./networks.ts";

/** What may differ, as `key: reference's value -> our value`, and why. docs/differences.md tells it to people. */
const explained: readonly [difference: RegExp, why: string][] = [
  [/^link .*\.ifalias: /, "ours are marked, so that DEL and GC find them whatever their name"],
  [/^link .*\.altnames\.\d: /, "host-device's memory of how the device was"],
  [/^link .*\.addr_assign_type: /, "we choose the MAC address, so that udev leaves it alone"],
  [
    /^link host (FURTHER-)?PORT\.txqlen: none -> 1000$/,
    "the kernel's default: qdiscs take their limit from it",
  ],
  [/^address .*\.noprefixroute: /, "ptp's connected route is never made, instead of deleted"],
  [
    /^address .* inet6 fd.*\.(nodad|tentative): /,
    "IPAM vouches for the address, which is usable at once",
  ],
  [/^sysctl c1 eth0 ipv4\.arp_notify: 0 -> 1$/, "the neighbours are told of the addresses"],
  [/^sysctl c1 eth0 ipv6\.ndisc_notify: 0 -> 1$/, "the neighbours are told of the addresses"],
  [
    /^sysctl c1 eth0 ipv6\.(accept_ra|autoconf): 1 -> 0$/,
    "IPAM owns the family: routers have nothing to add",
  ],
  [/^sysctl c1 eth0 ipv6\.accept_dad: 1 -> 0$/, "no wait for addresses that IPAM vouches for"],
  [
    /^sysctl host cni0\.100 ipv6\.accept_ra: 1 -> 0$/,
    "a container must not be able to reconfigure the host by router advertisements",
  ],
  [/^result\.interfaces\.\d\.mtu: /, "results of 1.1.0 tell the MTU"],
];

/** What `ip` prints that is different each time. */
const incidental =
  /ifindex|link_index|^route.*\.flags\.\d+$|^link .*\.(address|link|ifname|linkinfo\.info_\w*data\.\w*(_id|timer)|flags\.\d+)$|_lft|link_netnsid|\.link$|qdisc|num_[rt]x|gso|gro|tso|stats|operstate|\.(mac|name|sandbox)$|created|updated|stable_secret|\.label$/;

type Flat = Map<string, string>;

function flatten(prefix: string, value: unknown, into: Flat): void {
  if (typeof value !== "object" || value === null) into.set(prefix, String(value));
  else for (const [key, inner] of Object.entries(value)) flatten(`${prefix}.${key}`, inner, into);
}

interface LinkJson {
  ifname: string;
  addr_info: { family: string; local: string }[];
}

/** All that a plugin made in the container and on the host. */
async function stateOf(host: Host, result: Result): Promise<Flat> {
  const flat: Flat = new Map();
  const role = rolesOf(result);
  flatten("result", result, flat);
  for (const netns of ["c1", ""]) {
    const place = netns || "host";
    const all = await host.ip<LinkJson>(netns, "-d", "address", "show");
    const links = all.filter(({ ifname }) => !untouched.includes(ifname));
    for (const link of links) linkOf(`${place} ${role(link.ifname)}`, link, flat);
    await addRoutes(host, { netns, place, role }, flat);
    await addSysctls(host, { netns, place, role }, flat);
  }
  // A kernel whose bridges keep no VLANs apart has nothing to list.
  const vlans = JSON.parse((await host.run("bridge", "-j", "vlan")) || "[]");
  for (const { ifname, vlans: list } of vlans) flatten(`vlan ${role(ifname)}`, list, flat);
  for (const key of flat.keys()) if (incidental.test(key)) flat.delete(key);
  return flat;
}

/** What neither suite has to do with. */
const untouched = ["lo", "wire0", "sit0", "ip6tnl0", "tunl0"];

/** Names that a suite makes up, by what they are for. */
function rolesOf({ interfaces = [] }: Result): (name: string) => string {
  const port = interfaces.find(({ name, sandbox }) => !sandbox && name.startsWith("veth"))?.name;
  return (name) => {
    if (name === port) return "PORT";
    return name.startsWith("veth") ? "FURTHER-PORT" : name;
  };
}

function linkOf(prefix: string, { addr_info: addresses, ...link }: LinkJson, flat: Flat): void {
  flatten(`link ${prefix}`, link, flat);
  for (const { local, family, ...address } of addresses) {
    if (!local.startsWith("fe80")) flatten(`address ${prefix} ${family} ${local}`, address, flat);
  }
}

/** A namespace, and what its links are for. */
interface Where {
  readonly netns: string;
  readonly place: string;
  readonly role: (name: string) => string;
}

async function addRoutes(host: Host, { netns, place, role }: Where, flat: Flat): Promise<void> {
  for (const family of ["-4", "-6"]) {
    const routes = await host.ip<Record<string, unknown>>(
      netns,
      family,
      ...["route", "show", "table", "all"],
    );
    for (const { dst, dev, table = "main", type, ...route } of routes) {
      if (/^f[ef]|^multicast/.test(String(dst)) || untouched.includes(String(dev))) continue;
      // They come with the carrier and the end of duplicate address detection, whenever that is; the address tells.
      if (family === "-6" && (type === "local" || type === "anycast")) continue;
      const text = `${type ?? ""} ${dst} dev ${role(String(dev))} ${table}`;
      flatten(`route${family} ${place} ${text}`, route, flat);
    }
  }
}

async function addSysctls(host: Host, { netns, place, role }: Where, flat: Flat): Promise<void> {
  const lines = await host.grep(
    netns || undefined,
    ...["ipv4", "ipv6"].map((family) => `/proc/sys/net/${family}/conf`),
    "/proc/sys/net/ipv4/ip_forward",
  );
  for (const line of lines) {
    const match = /^\/proc\/sys\/net\/(ipv[46])\/(?:conf\/)?(?:(.*)\/)?(\w+):(.*)$/.exec(line);
    if (match === null || untouched.includes(match[2] ?? "")) continue;
    const [, family, link = "", name, value = ""] = match;
    flat.set(`sysctl ${place} ${role(link)} ${family}.${name}`, value);
  }
}

function differences(theirs: Flat, ours: Flat): string[] {
  return [...new Set([...theirs.keys(), ...ours.keys()])]
    .filter((key) => theirs.get(key) !== ours.get(key))
    .map((key) => `${key}: ${theirs.get(key) ?? "none"} -> ${ours.get(key) ?? "none"}`)
    .sort();
}

/** One network of a plugin through both suites, each removing what the other made. */
export function compareWithReference(plugin: string, keys: Config): void {
  const isThere = reference !== undefined && existsSync(join(reference, plugin));
  const skip = withoutNewReference || (!isThere && `the reference has no ${plugin} here`);
  test(
    `${plugin} ${JSON.stringify(keys)}: as the reference, but for what is explained`,
    { skip },
    () =>
      withHost(async (host) => {
        const config = networkOf(plugin, keys);
        await host.addNetns("c1");
        await addWire(host);
        await host.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1");
        const states: Flat[] = [];
        await host.unchangedBy(async () => {
          for (const [from, other] of [
            ["/run/reference", "/run/ours"],
            ["/run/ours", "/run/reference"],
            ["/run/ours", "/run/ours"],
          ] as const) {
            const result = resultOf(await host.cni("ADD", { plugin, config, from, path: from }));
            states.push(await stateOf(host, result));
            const again = { ...config, prevResult: result };
            assertSuccess(
              await host.cni("DEL", { plugin, config: again, from: other, path: other }),
            );
            await host.run("rm", "-rf", "/var/lib/cni/networks");
            // The reference's host-device leaves it down; bridges stay.
            await host.run("ip", "link", "set", "wire0", "up");
            const left = "ip link del cni0.100; ip link del cni0; true";
            if (plugin === "bridge") await host.run("sh", "-c", left);
          }
        });
        const [theirs, ours] = states;
        assert.ok(theirs && ours && theirs.size > 50);
        const unexplained = differences(theirs, ours).filter(
          (difference) => !explained.some(([pattern]) => pattern.test(difference)),
        );
        assert.deepEqual(unexplained, []);
      }),
  );
}
