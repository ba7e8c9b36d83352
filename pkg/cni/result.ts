/** The result of ADD in its newest shape, addresses in canonical text; read from and printed as any version's. */

import { CniError, ErrorCode } from "./error.ts";
import { objectReader, text } from "./fields.ts";
import { goJson } from "./json.ts";
import { goQuote } from "./quote.ts";
import { legacyShape, middleShape, newestShape } from "./result-print.ts";
import { readLegacy, readMiddle, readNewest } from "./result-read.ts";
import { currentVersion, defaultVersion } from "./version.ts";

export interface Interface {
  name: string;
  mac?: string;
  mtu?: number;
  /** The network namespace's path; absent on the host's interfaces. */
  sandbox?: string;
  socketPath?: string;
  pciID?: string;
}

export interface IpConfig {
  /** Address and prefix length, host bits kept: `10.1.0.5/24`. */
  address: string;
  gateway?: string;
  /** Index into the result's interfaces. */
  interface?: number;
}

export interface Route {
  dst: string;
  gw?: string;
  mtu?: number;
  advmss?: number;
  priority?: number;
  table?: number;
  scope?: number;
}

export interface Dns {
  nameservers?: string[];
  domain?: string;
  search?: string[];
  options?: string[];
}

export interface Result {
  cniVersion: string;
  interfaces?: Interface[];
  ips?: IpConfig[];
  routes?: Route[];
  dns?: Dns;
}

/** What a plugin hands over: without a version it is of the newest. */
export type UnlabelledResult = Omit<Result, "cniVersion"> & { cniVersion?: string };

/** The shapes that results have had, with the versions of each. */
const SHAPES = {
  legacy: { versions: ["0.1.0", "0.2.0"], listed: "[ 0.1.0 0.2.0]", read: readLegacy },
  middle: {
    versions: ["0.3.0", "0.3.1", "0.4.0"],
    listed: "[0.3.0 0.3.1 0.4.0]",
    read: readMiddle,
  },
  newest: { versions: ["1.0.0", "1.1.0"], listed: "[1.0.0 1.1.0]", read: readNewest },
} as const;

type Shape = keyof typeof SHAPES;

const shapeByVersion = new Map<string, Shape>();
for (const [shape, { versions }] of Object.entries(SHAPES)) {
  for (const version of versions) shapeByVersion.set(version, shape as Shape);
}

/** Reads a result of any version: its own, or `fallback` where it does not say. */
export function readResult(json: unknown, fallback = defaultVersion): Result {
  const body = json ?? {};
  return createResult(body, ownVersion(body) || fallback, fallback);
}

/**
 * Reads a result in the shape of `version`. One that says it is of a version with another shape is refused;
 * one that does not say counts as `fallback`, or without that only as 0.1.0 where the shape fits.
 */
export function createResult(json: unknown, version: string, fallback = ""): Result {
  const shape = shapeOf(version || defaultVersion);
  if (!shape) throw versionError(`unsupported CNI result version ${goQuote(version)}`);
  const { listed, read } = SHAPES[shape];
  const value = json ?? {};
  const body = read(value);
  const own = body.cniVersion || fallback;
  if (shapeOf(own || defaultVersion) !== shape) {
    throw versionError(
      `result type supports ${listed} but unmarshalled CNIVersion is ${goQuote(own)}`,
    );
  }
  return { ...body, cniVersion: own || defaultVersion };
}

/**
 * The configuration's prevResult, which must have the shape of the configuration's version; undefined where
 * there is none.
 */
export function readPrevResult(json: unknown, configVersion: string): Result | undefined {
  if (json === undefined || json === null) return undefined;
  try {
    const version = configVersion || defaultVersion;
    return createResult(json, version, version);
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    const message = `could not parse prevResult: ${error.message}`;
    throw new CniError(ErrorCode.invalidConfig, message, error.details);
  }
}

/** The result as the reference prints it for a configuration of this version (0.1.0 when that is empty). */
export function printResult(result: UnlabelledResult, cniVersion: string): string {
  return printShape(shapeResult(result, cniVersion));
}

/** What `shapeResult` made, as text. */
export function printShape(shape: object): string {
  return goJson(shape, 4);
}

/**
 * Reads what `shapeResult` made for a configuration of this version, where it comes from a plugin of this suite, whose
 * addresses are canonical: the newest shape is a result as it is.
 */
export function readShape(shape: object, cniVersion: string): Result {
  const isNewest = shapeOf(cniVersion || defaultVersion) === "newest";
  return isNewest ? (shape as Result) : readResult(shape, cniVersion);
}

/** The object that is printed of a result for a configuration of this version. */
export function shapeResult(result: UnlabelledResult, cniVersion: string): object {
  const from = result.cniVersion || currentVersion;
  const to = cniVersion || defaultVersion;
  const source = shapeOf(from);
  const target = shapeOf(to);
  if (!source || !target) {
    throw versionError(`no converter for CNI result version ${from} to ${to}`);
  }
  if (target === "legacy") return legacyShape(to, result, source === "legacy");
  return target === "middle" ? middleShape(to, result) : newestShape(to, result);
}

const versionField = objectReader<{ cniVersion: string }>({ cniVersion: text });

function ownVersion(body: unknown): string {
  return versionField(body, "").cniVersion ?? "";
}

function shapeOf(version: string): Shape | undefined {
  return shapeByVersion.get(version);
}

function versionError(message: string): CniError {
  return new CniError(ErrorCode.incompatibleVersion, message);
}
