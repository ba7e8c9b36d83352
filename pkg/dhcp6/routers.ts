/** The routers of a link, as a host knows them: asked for until one tells, and forgotten in time (RFC 7559, RFC 4861). */

import type { Moment } from "../dhcp/machine.ts";
import type { Advertisement } from "./advertisement.ts";
import { secondsAfter } from "./association.ts";
import type { Settings } from "./lease.ts";

/** Something until a moment; null for ever. Written as JSON, so no infinity. */
interface Until {
  readonly until: number | null;
}

/** What one router told. */
export interface Router extends Until {
  readonly address: string;
  readonly preference: number;
  readonly managed: boolean;
  readonly other: boolean;
  readonly mtu: number | undefined;
  readonly prefixes: readonly (Until & {
    readonly prefix: string;
    readonly onLink: boolean;
    readonly autonomous: boolean;
  })[];
  readonly routes: readonly (Until & { readonly prefix: string; readonly preference: number })[];
  readonly dns: readonly (Until & { readonly server: string })[];
  readonly search: readonly (Until & { readonly name: string })[];
}

/** A host's knowledge between two events. */
export interface Discovery {
  readonly routers: readonly Router[];
  /** When to ask, or to look what has ended; null for never. */
  readonly wakeAt: number | null;
  /** The latest wait for an answer, 0 for none under way; and how often it was asked. */
  readonly pause: number;
  readonly tries: number;
}

/** RTR_SOLICITATION_INTERVAL and MRT of RFC 7559. Milliseconds. */
const firstPause = 4_000;
const longestPause = 3_600_000;
/** MAX_RTR_SOLICITATIONS: how often routers are asked before what was known of them counts as gone. */
const solicitations = 3;
/** More routers than any link has. */
const mostRouters = 16;
/** More prefixes, routes or servers than a router tells. */
const mostTold = 32;
/** What an advertisement leaves an address, RFC 4862, 5.5.3 e. Milliseconds. */
const leastLeft = 7_200_000;

/** What is known before anybody was asked; `kept` is what a daemon before this one knew. */
export function newDiscovery(kept: readonly Router[] = []): Discovery {
  return { routers: kept, wakeAt: null, pause: 0, tries: 0 };
}

/** Asks the routers; to be followed by sending a solicitation. What was known from before holds until they answer. */
export function solicitRouters(discovery: Discovery, { now, random }: Moment): Discovery {
  const spread = 1 + 0.1 - 0.2 * (((random >>> 0) % 0x1_0000) / 0x1_0000);
  const pause = Math.min(longestPause, (discovery.pause * 2 || firstPause) * spread);
  return { ...discovery, pause, tries: discovery.tries + 1, wakeAt: now + pause };
}

/**
 * What an advertisement changes. Routers may tell in several what does not fit into one, so what an advertisement leaves
 * out stays (RFC 4861, 6.3.4).
 */
export function hearRouter(discovery: Discovery, told: Advertisement, now: number): Discovery {
  const { router: address, preference, managed, other } = told;
  const before = discovery.routers.find((it) => it.address === address);
  const router: Router = {
    address,
    preference,
    managed,
    other,
    mtu: told.mtu ?? before?.mtu,
    until: now + told.lifetime * 1000,
    prefixes: merged(before?.prefixes, prefixesOf(discovery, told, now), "prefix"),
    routes: merged(
      before?.routes,
      told.routes.map((it) => ({
        ...{ prefix: it.prefix, preference: it.preference, until: secondsAfter(now, it.lifetime) },
      })),
      "prefix",
    ),
    dns: merged(
      before?.dns,
      told.dns.map(({ server, lifetime }) => ({ server, until: secondsAfter(now, lifetime) })),
      "server",
    ),
    search: merged(
      before?.search,
      told.search.map(({ name, lifetime }) => ({ name, until: secondsAfter(now, lifetime) })),
      "name",
    ),
  };
  const others = discovery.routers.filter((it) => it.address !== address).slice(1 - mostRouters);
  return forgetEnded({ ...discovery, routers: [...others, router], pause: 0, tries: 0 }, now);
}

/** What was told before and is not told anew, then what is; of too much the oldest goes. */
function merged<K extends string, T extends Record<K, string>>(
  before: readonly T[] = [],
  told: readonly T[],
  key: K,
): T[] {
  const kept = before.filter((it) => !told.some((other) => other[key] === it[key]));
  return [...kept, ...told].slice(-mostTold);
}

/**
 * RFC 4862, 5.5.3 e: whoever can send an advertisement could else take the hosts' addresses from them; two hours are
 * what an address has left at least, or what it had.
 */
function prefixesOf(discovery: Discovery, told: Advertisement, now: number): Router["prefixes"] {
  const known = discovery.routers.flatMap(({ prefixes }) => prefixes.filter((it) => it.autonomous));
  return told.prefixes.map(({ prefix, onLink, autonomous, valid }) => {
    const until = secondsAfter(now, valid);
    const ends = known.filter((it) => it.prefix === prefix).map((it) => it.until);
    if (!autonomous || until === null || ends.length === 0) {
      return { prefix, onLink, autonomous, until };
    }
    const left = ends.includes(null) ? null : Math.max(...ends.map((it) => it ?? 0));
    const least = Math.min(left ?? Number.POSITIVE_INFINITY, now + leastLeft);
    return { prefix, onLink: onLink && valid > 0, autonomous, until: Math.max(until, least) };
  });
}

/** Takes out what has ended, and notes when the next thing will. */
export function forgetEnded(discovery: Discovery, now: number): Discovery {
  const holds = ({ until }: Until) => until === null || until > now;
  const routers = discovery.routers
    .map((router) => ({
      ...router,
      prefixes: router.prefixes.filter(holds),
      routes: router.routes.filter(holds),
      dns: router.dns.filter(holds),
      search: router.search.filter(holds),
    }))
    .filter((router) => holds(router) || router.prefixes.length + router.dns.length > 0);
  const ends = routers.flatMap((router) => [
    router.until,
    ...[router.prefixes, router.routes, router.dns, router.search].flat().map((it) => it.until),
  ]);
  const later = ends.filter((it): it is number => it !== null && it > now);
  return { ...discovery, routers, wakeAt: later.length > 0 ? Math.min(...later) : null };
}

/** What has become due of a discovery. */
export interface Due {
  readonly discovery: Discovery;
  /** Whether routers are to be asked, once more or anew. */
  readonly isAsking: boolean;
  /** Whether what had ended was looked for, and taken out. */
  readonly hasForgotten: boolean;
}

/** What is due at a moment: a question that was not answered, or the end of something. */
export function routersDue(discovery: Discovery, now: number): Due {
  const { wakeAt, pause, routers, tries } = discovery;
  if (wakeAt === null || wakeAt > now) return { discovery, isAsking: false, hasForgotten: false };
  if (pause > 0 && (routers.length === 0 || tries < solicitations)) {
    return { discovery, isAsking: true, hasForgotten: false };
  }
  const left = forgetEnded({ ...discovery, pause: 0, tries: 0 }, now);
  return { discovery: left, isAsking: left.routers.length === 0, hasForgotten: true };
}

/** A route that routers offer. */
export interface OfferedRoute {
  readonly prefix: string;
  /** The router; undefined for what is on the link itself. */
  readonly gateway: string | undefined;
}

/** The best router of each destination, the default one first, then what is on the link. */
export function routesOf({ routers }: Discovery, now: number): OfferedRoute[] {
  const best = new Map<string, { gateway: string; preference: number }>();
  const offer = (prefix: string, gateway: string, preference: number) => {
    const before = best.get(prefix);
    if (before === undefined || before.preference < preference) {
      best.set(prefix, { gateway, preference });
    }
  };
  for (const { address, preference, until, routes } of routers) {
    if (until !== null && until > now) offer("::/0", address, preference);
    for (const route of routes) offer(route.prefix, address, route.preference);
  }
  const onLink = new Set(
    routers.flatMap(({ prefixes }) => prefixes.filter((it) => it.onLink).map((it) => it.prefix)),
  );
  return [
    ...Array.from(best, ([prefix, { gateway }]) => ({ prefix, gateway })),
    ...Array.from(onLink, (prefix) => ({ prefix, gateway: undefined })),
  ];
}

/** The prefixes that hosts make themselves addresses in. */
export function autonomousPrefixes({ routers }: Discovery): string[] {
  const all = routers.flatMap(({ prefixes }) => prefixes.filter((it) => it.autonomous));
  return [...new Set(all.map(({ prefix }) => prefix))];
}

/** Name servers and search domains, each once. */
export function settingsFrom({ routers }: Discovery): Settings {
  return {
    dns: [...new Set(routers.flatMap(({ dns }) => dns.map(({ server }) => server)))],
    search: [...new Set(routers.flatMap(({ search }) => search.map(({ name }) => name)))],
  };
}
