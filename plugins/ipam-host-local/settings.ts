/** What a configuration asks for, checked in the reference's order and words. */

import * as v from "valibot";
import { canonicalRoute } from "../../pkg/cni/addresses.ts";
import { CniError, ErrorCode, toCniError } from "../../pkg/cni/error.ts";
import type { Route } from "../../pkg/cni/result.ts";
import { atLeast } from "../../pkg/cni/version.ts";
import type { Address } from "../../pkg/ip/address.ts";
import { parseSpan } from "../../pkg/ip/exclude.ts";
import { type RangeConfig, type RangeSet, readRangeSets } from "../../pkg/ip/range-set.ts";
import { cidr, ipAddressOrNothing, route } from "../../pkg/skel/field.ts";
import { says } from "../../pkg/skel/json-schema.ts";
import { readRequested } from "./requested.ts";

/** An address, a prefix, or a span `first-last`. */
const span = v.pipe(
  v.string(),
  v.check(
    (text) => parseSpan(text) !== undefined,
    ({ input }) => `cannot exclude "${input}": expected an address, a prefix or "first-last"`,
  ),
  says({
    title: "an address, a prefix or first-last",
    pattern: "^ *[0-9A-Fa-f:.]+(/[0-9]+|( *- *[0-9A-Fa-f:.]+)?) *$",
  }),
);

/** Keys of CNI_ARGS with slashes between. */
const template = v.pipe(
  v.string(),
  v.check(
    (text) => /^[^/]+(\/[^/]+)*$/.test(text),
    ({ input }) => `invalid sticky template "${input}": expected keys of CNI_ARGS like "A/B"`,
  ),
  says({ title: 'keys of CNI_ARGS such as "A/B"', pattern: "^[^/]+(/[^/]+)*$" }),
);

/** A time in Go's notation, or in days. */
const duration = v.pipe(
  v.string(),
  v.check(
    (text) => parseDuration(text) !== undefined,
    ({ input }) => `invalid duration "${input}": expected a time like "7d" or "1h30m"`,
  ),
);

const rangeEntries = {
  subnet: v.optional(cidr),
  rangeStart: v.optional(ipAddressOrNothing),
  rangeEnd: v.optional(ipAddressOrNothing),
  gateway: v.optional(ipAddressOrNothing),
};

const rangeSets = v.array(v.array(v.object(rangeEntries)));

const ips = v.array(v.string());

/** The keys of the configuration that host-local reads. */
export const configEntries = {
  ipam: v.optional(
    v.object({
      type: v.optional(v.string(), ""),
      ...rangeEntries,
      ranges: v.optional(rangeSets),
      routes: v.optional(v.array(route)),
      dataDir: v.optional(v.string()),
      resolvConf: v.optional(v.string()),
      exclude: v.optional(v.array(span)),
      reclaim: v.optional(v.picklist(["boot", "off"])),
      sticky: v.optional(template),
      stickyTtl: v.optional(duration),
    }),
  ),
  runtimeConfig: v.optional(v.object({ ipRanges: v.optional(rangeSets), ips: v.optional(ips) })),
  args: v.optional(v.object({ cni: v.optional(v.object({ ips: v.optional(ips) })) })),
};

/** What DEL and GC read: whatever the others hold, what is reserved must be released. */
export const releaseEntries = {
  ipam: v.optional(
    v.object({
      type: v.optional(v.string(), ""),
      dataDir: v.optional(v.string()),
      reclaim: v.optional(v.unknown()),
      sticky: v.optional(v.unknown()),
      stickyTtl: v.optional(v.unknown()),
    }),
  ),
};

/** The reference's default. */
const defaultDataDir = "/var/lib/cni/networks";

/** A day: longer than a host is down, shorter than anyone remembers an address. */
const defaultClaimMs = 24 * 3600 * 1000;

/** The version from which a result may hold several addresses of a family. */
const severalPerFamily = "0.3.0";

/** A call's configuration, as far as it matters here. */
export interface SettingsSource {
  readonly config: {
    readonly ipam?: IpamConfig;
    readonly runtimeConfig?: { ipRanges?: RangeConfig[][]; ips?: string[] };
    readonly args?: { cni?: { ips?: string[] } };
  };
  readonly cniVersion: string;
  readonly cniArgs: Readonly<Record<string, string>>;
}

interface IpamConfig extends RangeConfig {
  ranges?: RangeConfig[][];
  routes?: Route[];
  dataDir?: string;
  resolvConf?: string;
  exclude?: string[];
  reclaim?: "boot" | "off";
  sticky?: string;
  stickyTtl?: string;
}

/** Where reservations are, and for how long they are somebody's. */
export interface StoreSettings {
  readonly dataDir: string;
  /** Whether what this machine reserved before its latest boot is taken back. */
  readonly reclaim: boolean;
  /** Whether addresses follow values of CNI_ARGS. */
  readonly isSticky: boolean;
  /** How long an address is kept for somebody who gave it up. */
  readonly claimMs: number;
}

/** What is to be done, and where. */
export interface Settings extends StoreSettings {
  readonly sets: readonly RangeSet[];
  readonly requested: readonly Address[];
  readonly resolvConf: string;
  readonly routes: Route[] | undefined;
  /** The keys of CNI_ARGS whose values an address follows. */
  readonly stickyKeys: readonly string[];
}

/** A configuration as DEL and GC read it. */
export interface StoreSource {
  readonly ipam?: { dataDir?: string; reclaim?: unknown; sticky?: unknown; stickyTtl?: unknown };
}

/** Reads what is left of a configuration when everything that may be wrong in it is taken away. */
export function readStoreSettings({ ipam }: StoreSource): StoreSettings {
  if (!ipam) throw new CniError(ErrorCode.invalidConfig, "IPAM config missing 'ipam' key");
  const { dataDir, reclaim, sticky, stickyTtl } = ipam;
  return {
    dataDir: dataDir || defaultDataDir,
    // What is neither of the two is no reason to take anything back.
    reclaim: reclaim === undefined || reclaim === "boot",
    isSticky: sticky !== undefined,
    claimMs: readClaimTime(stickyTtl),
  };
}

/** A time that cannot be read is no reason to end a claim. */
function readClaimTime(stickyTtl: unknown): number {
  if (stickyTtl === undefined) return defaultClaimMs;
  return parseDuration(String(stickyTtl)) ?? Number.POSITIVE_INFINITY;
}

/** Reads a call's settings. Throws code 7, or 4 for what CNI_ARGS says. */
export function readSettings({ config, cniVersion, cniArgs }: SettingsSource): Settings {
  const { ipam, runtimeConfig, args } = config;
  if (!ipam) throw new CniError(ErrorCode.invalidConfig, "IPAM config missing 'ipam' key");
  const requested = readRequested({
    cniArgs: cniArgs.IP,
    args: args?.cni?.ips,
    runtimeConfig: runtimeConfig?.ips,
  });
  // The order gives the last-reserved files their numbers.
  const ranges = [
    ...(runtimeConfig?.ipRanges ?? []),
    ...(ipam.subnet === undefined ? [] : [[ipam]]),
    ...(ipam.ranges ?? []),
  ];
  return {
    ...readStoreSettings(config),
    sets: readSets(ranges, { cniVersion, exclude: ipam.exclude ?? [] }),
    requested,
    resolvConf: ipam.resolvConf ?? "",
    routes: ipam.routes?.map(canonicalRoute),
    stickyKeys: ipam.sticky?.split("/") ?? [],
  };
}

const unitMs: Readonly<Record<string, number>> = {
  d: 24 * 3_600_000,
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
};

/** Undefined for what is no positive time. */
function parseDuration(text: string): number | undefined {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(d|h|ms|m|s)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join("") !== text) return undefined;
  const ms = parts.reduce((sum, [, n, unit = ""]) => sum + Number(n) * (unitMs[unit] ?? 0), 0);
  return ms > 0 ? ms : undefined;
}

function readSets(
  ranges: readonly (readonly RangeConfig[])[],
  { cniVersion, exclude }: { cniVersion: string; exclude: readonly string[] },
): RangeSet[] {
  const singleVersion = atLeast(cniVersion, severalPerFamily) ? undefined : cniVersion;
  try {
    return readRangeSets(ranges, {
      singleVersion,
      exclude: exclude.flatMap((text) => parseSpan(text) ?? []),
    });
  } catch (error) {
    throw new CniError(ErrorCode.invalidConfig, toCniError(error).message);
  }
}
