/** An interface plugin beside the reference's: the same configuration, the same outcome, but for what is explained here. */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { reference, withoutNewReference } from "./executables.ts";
import { assertSuccess, resultOf } from "./expect.ts";
import { type Host, withHost } from "./host.ts";
import { addWire, networkOf } from "./interface-plugin.ts";
import type { Config } from "./networks.ts";

/** What may differ, as `key: reference's value -> our value`, and why. */
const explained: readonly [difference: RegExp, why: string][] = [
  [/^link\.ifalias: /, "ours are marked, so that DEL and GC find them whatever their name"],
  [/^link\.altnames\.\d: /, "host-device's memory of how the device was"],
  [/^link\.addr_assign_type: /, "we choose the MAC address, so that udev leaves it alone"],
  [/^address\..*\.noprefixroute: /, "ptp's connected route is never made, instead of deleted"],
  [
    /^address\.inet6 fd.*\.(nodad|tentative): /,
    "IPAM vouches for the address, which is usable at once",
  ],
  [
    /^route-6 (host|c1) local .*: none -> /,
    "addresses without duplicate detection are usable at once",
  ],
  [/^sysctl\.ipv4\.arp_notify: 0 -> 1$/, "the neighbours are told of the addresses"],
  [/^sysctl\.ipv6\.ndisc_notify: 0 -> 1$/, "the neighbours are told of the addresses"],
  [
    /^sysctl\.ipv6\.(accept_ra|autoconf): 1 -> 0$/,
    "IPAM owns the family: routers have nothing to add",
  ],
  [/^sysctl\.ipv6\.accept_dad: 1 -> 0$/, "no wait for addresses that IPAM vouches for"],
  [/^result\.interfaces\.\d\.mtu: /, "results of 1.1.0 tell the MTU"],
];

/** What `ip` prints that is different each time. */
const incidental =
  /ifindex|link_index|^link\.address|_lft|link_netnsid|link\.link$|qdisc|num_[rt]x|gso|gro|tso|stats|operstate|\.(mac|name|sandbox)$|created|updated|link\.flags\.\d+$/;

type Flat = Map<string, string>;

function flatten(prefix: string, value: unknown, into: Flat): void {
  if (typeof value !== "object" || value === null) into.set(prefix, String(value));
  else for (const [key, inner] of Object.entries(value)) flatten(`${prefix}.${key}`, inner, into);
}

interface AddressJson {
  family: string;
  local: string;
}

/** All that a plugin made in the container, and routes and addresses it made on the host. */
async function stateOf(host: Host, result: unknown): Promise<Flat> {
  const flat: Flat = new Map();
  flatten("result", result, flat);
  const [shown] = await host.ip<{ addr_info: AddressJson[] }>(
    "c1",
    "-d",
    "address",
    "show",
    "dev",
    "eth0",
  );
  const { addr_info: addresses = [], ...link } = shown ?? {};
  flatten("link", link, flat);
  for (const address of addresses) {
    if (!address.local.startsWith("fe80"))
      flatten(`address.${address.family} ${address.local}`, address, flat);
  }
  for (const netns of ["c1", ""]) {
    for (const family of ["-4", "-6"]) {
      const routes = await host.ip<Record<string, unknown>>(
        netns,
        family,
        "route",
        "show",
        "table",
        "all",
      );
      for (const { dst, dev, table = "main", type, ...route } of routes) {
        if (/^f[ef]|^multicast/.test(String(dst)) || (netns === "" && dev === "wire0")) continue;
        flatten(`route${family} ${netns || "host"} ${type ?? ""} ${dst} ${table}`, route, flat);
      }
    }
  }
  const { outcome } = host.start(
    ["sh", "-c", "cd /proc/sys/net; grep -s . ipv4/conf/eth0/* ipv6/conf/eth0/*"],
    { netns: "c1" },
  );
  for (const line of (await outcome).stdout.split("\n")) {
    const match = /^(ipv[46])\/conf\/eth0\/(\w+):(.*)$/.exec(line);
    if (match) flat.set(`sysctl.${match[1]}.${match[2]}`, match[3] ?? "");
  }
  for (const key of flat.keys()) if (incidental.test(key)) flat.delete(key);
  return flat;
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
            // The reference's host-device leaves it down.
            await host.run("ip", "link", "set", "wire0", "up");
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
