/** The parts of a configuration that are the protocol's and no plugin's: name, version, prevResult, GC's list. */

import { CniError, ErrorCode, toCniError } from "../cni/error.ts";
import { decodeJson } from "../cni/json.ts";
import { checkNetworkName } from "../cni/names.ts";
import { type Result, readPrevResult } from "../cni/result.ts";
import { defaultVersion } from "../cni/version.ts";
import type { Attachment } from "./context.ts";
import type { AnyVerb } from "./environment.ts";

type JsonObject = Readonly<Record<string, unknown>>;

/** A configuration that has passed the checks which come before any verb's. */
export interface Head {
  /** The configuration as it came. */
  readonly stdin: string;
  readonly json: JsonObject;
  /** The network's name. */
  readonly name: string;
  readonly cniVersion: string;
}

/** The file that a configuration wants traces in; empty for none. */
export function traceIn({ json: { trace = "" } }: Head): string {
  if (typeof trace === "string") return trace;
  const message = `invalid value for "trace": expected a path, got ${kindOf(trace)}`;
  throw new CniError(ErrorCode.invalidConfig, message);
}

/** Reads stdin as far as every verb needs it. Throws code 6 for what is no configuration, 7 for a bad name. */
export function readHead(stdin: string): Head {
  const json = parseObject(stdin);
  const name = textAt(json, "name");
  if (name === "") throw new CniError(ErrorCode.invalidConfig, "missing network name");
  checkNetworkName(name);
  return { stdin, json, name, cniVersion: textAt(json, "cniVersion") || defaultVersion };
}

/** The result of the plugin before this one in the chain; undefined for the first. */
export function prevResultOf(
  { json, cniVersion }: Head,
  verb: AnyVerb,
  log: (line: string) => void,
): Result | undefined {
  try {
    return readPrevResult(valueAt(json, "prevResult"), cniVersion);
  } catch (error) {
    // DEL must get by without it, so one that cannot be read must not stop it (CNI spec 1.1.0, section 2).
    if (verb !== "DEL") throw error;
    log(`going on without prevResult: ${toCniError(error).message}`);
    return undefined;
  }
}

/**
 * What GC must leave alone; undefined if the runtime did not say. The key was `cni.dev/attachments` at first,
 * and runtimes of that time send no other.
 */
export function attachmentsOf({ json }: Head): readonly Attachment[] | undefined {
  const list = json["cni.dev/valid-attachments"] ?? json["cni.dev/attachments"];
  if (list === undefined || list === null) return undefined;
  if (Array.isArray(list) && list.every(isAttachment)) return list;
  throw new CniError(
    ErrorCode.invalidConfig,
    `invalid value for "cni.dev/valid-attachments": expected a list of {containerID, ifname}`,
  );
}

function isAttachment(entry: unknown): entry is Attachment {
  if (typeof entry !== "object" || entry === null) return false;
  const { containerID, ifname } = entry as Partial<Attachment>;
  return typeof containerID === "string" && typeof ifname === "string";
}

function parseObject(stdin: string): JsonObject {
  let json: unknown;
  try {
    json = decodeJson(stdin);
  } catch (error) {
    throw undecodable(toCniError(error).message);
  }
  if (typeof json === "object" && json !== null && !Array.isArray(json)) return json as JsonObject;
  throw undecodable(`expected an object, got ${kindOf(json)}`);
}

function textAt(json: JsonObject, key: string): string {
  const value = valueAt(json, key) ?? "";
  if (typeof value === "string") return value;
  throw undecodable(`expected text for "${key}", got ${kindOf(value)}`);
}

/** The value of a key, or of one that differs in case only, as Go's encoding/json matches them. */
function valueAt(json: JsonObject, key: string): unknown {
  if (key in json) return json[key];
  const lower = key.toLowerCase();
  const alike = Object.keys(json).find((candidate) => candidate.toLowerCase() === lower);
  return alike === undefined ? undefined : json[alike];
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function undecodable(reason: string): CniError {
  return new CniError(ErrorCode.decodingFailure, `error unmarshall network config: ${reason}`);
}
