/** Routes in a container, as `ip` shows them. */

import type { Host } from "./host.ts";

/** As far as tests look at one. */
export interface RouteJson {
  dst: string;
  gateway?: string;
  prefsrc?: string;
  scope?: string;
  /** Left out for the main one. */
  table?: string;
  type?: string;
  protocol: string;
}

/** Those of an interface in all tables, of both families; without link-local and multicast ones of IPv6. */
export async function routesOfLink(host: Host, netns: string, dev: string): Promise<RouteJson[]> {
  const all = ["route", "show", "table", "all", "dev", dev];
  const lists = await Promise.all(
    ["-4", "-6"].map((family) => host.ip<RouteJson>(netns, "-d", family, ...all)),
  );
  return lists.flat().filter(({ dst }) => !/^f[ef]/.test(dst));
}

/** The gateways of a route's next hops, in the namespace, by the destination and where to look (`table 100`, `vrf blue`). */
export async function nextHops(host: Host, netns: string, ...which: string[]): Promise<string[]> {
  const argv = ["-6", "route", "show", ...which];
  const [route] = await host.ip<{ nexthops: { gateway: string }[] }>(netns, ...argv);
  return route?.nexthops.map(({ gateway }) => gateway).sort() ?? [];
}
