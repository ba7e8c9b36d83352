/** What a configuration asks for, checked in the reference's order and words. */

import * as v from "valibot";
import { CniError, ErrorCode, toCniError } from "../../pkg/cni/error.ts";
import type { Route } from "../../pkg/cni/result.ts";
import { atLeast } from "../../pkg/cni/version.ts";
import { type Address, formatAddress, parseAddress } from "../../pkg/ip/address.ts";
import { formatPrefix, parsePrefix } from "../../pkg/ip/prefix.ts";
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
    }),
  ),
  runtimeConfig: v.optional(v.object({ ipRanges: v.optional(rangeSets), ips: v.optional(ips) })),
  args: v.optional(v.object({ cni: v.optional(v.object({ ips: v.optional(ips) })) })),
};

/** The reference's default. */
const defaultDataDir = "/var/lib/cni/networks";

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
}

/** What is to be done, and where. */
export interface Settings {
  readonly sets: readonly RangeSet[];
  readonly requested: readonly Address[];
  readonly dataDir: string;
  readonly resolvConf: string;
  readonly routes: Route[] | undefined;
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
  };
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

/** Everything as it is, but texts as Go prints the values they stand for. */
function canonicalRoute({ dst, gw, ...rest }: Route): Route {
  const prefix = parsePrefix(dst);
  const gateway = gw === undefined ? undefined : parseAddress(gw);
  return {
    dst: prefix ? formatPrefix(prefix) : dst,
    gw: gateway ? formatAddress(gateway) : gw,
    ...rest,
  };
}
