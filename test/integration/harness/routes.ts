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
