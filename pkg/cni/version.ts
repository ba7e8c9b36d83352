/** Versions of the CNI specification, and which verbs a configuration's version allows. */

import { CniError, ErrorCode } from "./error.ts";
import { goJson } from "./json.ts";
import { goQuote, goQuoteList } from "./quote.ts";

/** Every version this library reads and writes, oldest first. */
export const supportedVersions: readonly string[] = [
  "0.1.0",
  "0.2.0",
  "0.3.0",
  "0.3.1",
  "0.4.0",
  "1.0.0",
  "1.1.0",
];

export const currentVersion = "1.1.0";

/** What a configuration without `cniVersion` means. */
export const defaultVersion = "0.1.0";

export type Version = readonly [major: number, minor: number, micro: number];

/** The verbs that came later than ADD and DEL, with their first version. */
const SINCE = { CHECK: "0.4.0", GC: "1.1.0", STATUS: "1.1.0" } as const;

const PARTS = ["major", "minor", "micro"] as const;
const INTEGER = /^[+-]?[0-9]+$/;

/** The supported versions from `first` on. */
export function versionsFrom(first: string): readonly string[] {
  const at = supportedVersions.indexOf(first);
  if (at < 0) throw new RangeError(`unknown CNI version ${goQuote(first)}`);
  return supportedVersions.slice(at);
}

/** Reads one to three integers; the empty text is 0.1.0. */
export function parseVersion(text: string): Version {
  const parts = (text || defaultVersion).split(".");
  if (parts.length > PARTS.length)
    throw undecodable(`invalid version ${goQuote(text)}: too many parts`);
  const [major = 0, minor = 0, micro = 0] = parts.map(parsePart);
  return [major, minor, micro];
}

/** Negative, zero or positive; throws for what is no version. */
export function compareVersions(a: string, b: string): number {
  // Nearly always it is two of these: their order tells at a hundredth of the price.
  const placeOfA = supportedVersions.indexOf(a);
  const placeOfB = supportedVersions.indexOf(b);
  if (placeOfA >= 0 && placeOfB >= 0) return placeOfA - placeOfB;
  const left = parseVersion(a);
  const right = parseVersion(b);
  return left[0] - right[0] || left[1] - right[1] || left[2] - right[2];
}

/** Whether `version` is `least` or later. */
export function atLeast(version: string, least: string): boolean {
  return compareVersions(version, least) >= 0;
}

/** The gate of ADD and DEL: the configuration's version must be one of the supported texts. */
export function checkSupported(configVersion: string, supported: readonly string[]): void {
  if (supported.includes(configVersion)) return;
  throw new CniError(
    ErrorCode.incompatibleVersion,
    "incompatible CNI versions",
    `config is ${goQuote(configVersion)}, plugin supports ${goQuoteList(supported)}`,
  );
}

/** The gate of any verb, for a configuration of this version. */
export function checkVerb(verb: string, configVersion: string, supported: readonly string[]): void {
  if (isLaterVerb(verb)) {
    if (!atLeast(configVersion, SINCE[verb])) throw disallowed("config", verb);
    if (!supported.some((version) => atLeast(version, configVersion))) {
      throw disallowed("plugin", verb);
    }
  }
  checkSupported(configVersion, supported);
}

/** The answer to VERSION, newline included. */
export function versionReply(supported: readonly string[]): string {
  return `${goJson({ cniVersion: currentVersion, supportedVersions: supported })}\n`;
}

function parsePart(text: string, index: number): number {
  if (INTEGER.test(text)) return Number(text);
  const quoted = goQuote(text);
  throw undecodable(
    `failed to convert ${PARTS[index]} version part ${quoted}: strconv.Atoi: parsing ${quoted}: invalid syntax`,
  );
}

function isLaterVerb(verb: string): verb is keyof typeof SINCE {
  return Object.hasOwn(SINCE, verb);
}

function undecodable(message: string): CniError {
  return new CniError(ErrorCode.decodingFailure, message);
}

function disallowed(who: "config" | "plugin", verb: string): CniError {
  return new CniError(ErrorCode.incompatibleVersion, `${who} version does not allow ${verb}`);
}
