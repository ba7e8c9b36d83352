/** What a configuration asks for, checked in the reference's order and words. */

import * as v from "valibot";
import { canonicalRoute } from "../../pkg/cni/addresses.ts";
import { CniError, ErrorCode, toCniError } from "../../pkg/cni/error.ts";
import type { Route } from "../../pkg/cni/result.ts";
import { atLeast } from "../../pkg/cni/version.ts";
import { type Address, parseAddress } from "../../pkg/ip/address.ts";
import { cidr, route } from "../../pkg/skel/field.ts";
import { saysAddressOrNothing } from "../../pkg/skel/json-schema.ts";
import { parseSpan } from "./exclude.ts";
import { type RangeConfig, type RangeSet, readRangeSets } from "./range-set.ts";
import { readRequested } from "./requested.ts";

/** An address; an empty text is an absent one. */
const address = v.pipe(
  v.string(),
  v.check(
    (text) => text === "" || parseAddress(text) !== undefined,
    ({ input }) => `invalid IP address: ${input}`,
  ),
  saysAddressOrNothing,
);

/** An address, a prefix, or a span `first-last`. */
const span = v.pipe(
  v.string(),
  v.check(
    (text) => parseSpan(text) !== undefined,
    ({ input }) => `cannot exclude "${input}": expected an address, a prefix or "first-last"`,
  ),
);

/** Keys of CNI_ARGS with slashes between. */
const template = v.pipe(
  v.string(),
  v.check(
    (text) => /^[^/]+(\/[^/]+)*$/.test(text),
    ({ input }) => `invalid sticky template "${input}": expected keys of CNI_ARGS like "A/B"`,
  ),
);

/** A time in Go's notation. */
const duration = v.pipe(
  v.string(),
  v.check(
    (text) => parseDuration(text) !== undefined,
    ({ input }) => `invalid duration "${input}": expected a time like "24h" or "1h30m"`,
  ),
);

const rangeEntries = {
  subnet: v.optional(cidr),
  rangeStart: v.optional(address),
  rangeEnd: v.optional(address),
  gateway: v.optional(address),
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

/** What is to be done, and where. */
export interface Settings {
  readonly sets: readonly RangeSet[];
  readonly requested: readonly Address[];
  readonly dataDir: string;
  readonly resolvConf: string;
  readonly routes: Route[] | undefined;
  /** Whether what this machine reserved before its latest boot is taken back. */
  readonly reclaim: boolean;
  /** The keys of CNI_ARGS whose values an address follows. */
  readonly stickyKeys: readonly string[];
  /** How long an address is kept for somebody who gave it up. */
  readonly claimMs: number;
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
    sets: readSets(ranges, { cniVersion, exclude: ipam.exclude ?? [] }),
    requested,
    dataDir: ipam.dataDir || defaultDataDir,
    resolvConf: ipam.resolvConf ?? "",
    routes: ipam.routes?.map(canonicalRoute),
    reclaim: ipam.reclaim !== "off",
    stickyKeys: ipam.sticky?.split("/") ?? [],
    claimMs: (ipam.stickyTtl && parseDuration(ipam.stickyTtl)) || defaultClaimMs,
  };
}

const unitMs: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** Undefined for what is no positive time. */
function parseDuration(text: string): number | undefined {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s)/g)];
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
