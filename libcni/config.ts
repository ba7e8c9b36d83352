/** Network configurations: a list of plugins, or one plugin alone, parsed and judged in the reference's words. */

import { CniError } from "../pkg/cni/error.ts";
import { foldKeys } from "../pkg/cni/fields.ts";
import { goQuote } from "../pkg/cni/quote.ts";
import { compareVersions, currentVersion, parseVersion } from "../pkg/cni/version.ts";
import { printSorted } from "./json-print.ts";
import { decodeExact } from "./json-tree.ts";

export type JsonObject = Record<string, unknown>;

/** One entry of a list's `plugins`, or a configuration of one plugin. */
export interface PluginConfig {
  readonly type: string;
  /** Its own name, if it has one; the list's counts. */
  readonly name: string;
  readonly cniVersion: string;
  readonly capabilities: Readonly<Record<string, boolean>>;
  readonly ipamType: string;
  /** Everything it holds. */
  readonly json: JsonObject;
  /** The drop-in file it came from; undefined for what the list itself holds. */
  readonly file?: string;
}

/** A network configuration list. */
export interface NetworkList {
  readonly name: string;
  /** The chosen one; "" where none is given, which acts as 0.1.0. */
  readonly cniVersion: string;
  readonly disableCheck: boolean;
  readonly disableGC: boolean;
  readonly loadOnlyInlinedPlugins: boolean;
  readonly plugins: readonly PluginConfig[];
  /** What it was parsed from; the cache keeps it. */
  readonly text: string;
  /** Where it was loaded from, if it was. */
  readonly file?: string;
}

/** Reads a list. It may have no plugins yet: those of the drop-in directory come when it is loaded from a file. */
export function parseList(text: string): NetworkList {
  const json = parseListObject(text);
  const { name } = json;
  if (name === undefined) throw listError("no name");
  if (typeof name !== "string") throw listError(`invalid name type ${goType(name)}`);
  const cniVersion = chooseVersion(json);
  const disableCheck = readFlag(json, "disableCheck");
  const disableGC = readFlag(json, "disableGC");
  const loadOnlyInlinedPlugins = readFlag(json, "loadOnlyInlinedPlugins");
  if (loadOnlyInlinedPlugins && json.plugins === undefined) {
    throw listError("`loadOnlyInlinedPlugins` is true, and no 'plugins' key");
  }
  const plugins = readPlugins(json.plugins);
  return { name, cniVersion, disableCheck, disableGC, loadOnlyInlinedPlugins, plugins, text };
}

/** Reads the configuration of one plugin. */
export function parsePlugin(text: string): PluginConfig {
  let json: unknown;
  try {
    json = decodeExact(text);
  } catch (error) {
    throw pluginError(reasonOf(error));
  }
  return pluginOf(json);
}

/** A list, or the list of one plugin that its configuration stands for, by what the text holds. */
export function parseEither(text: string): NetworkList {
  const json = decodeExact(text);
  const isList = typeof json === "object" && json !== null && "plugins" in json;
  return isList ? parseList(text) : toList(parsePlugin(text), text);
}

/** The list of one plugin that a single configuration stands for; `text` is as it was read, or else as it prints. */
export function toList(plugin: PluginConfig, text = printSorted(plugin.json)): NetworkList {
  return {
    name: plugin.name,
    cniVersion: plugin.cniVersion,
    disableCheck: false,
    disableGC: false,
    loadOnlyInlinedPlugins: true,
    plugins: [plugin],
    text,
  };
}

function parseListObject(text: string): JsonObject {
  let json: unknown;
  try {
    json = decodeExact(text);
  } catch (error) {
    throw listError(reasonOf(error));
  }
  if (json === null) return {};
  if (typeof json === "object" && !Array.isArray(json)) return json as JsonObject;
  throw listError(
    `json: cannot unmarshal ${jsonType(json)} into Go value of type map[string]interface {}`,
  );
}

/** The highest of `cniVersions` and `cniVersion` that this library knows; without the former, the latter as it is. */
function chooseVersion({ cniVersion = "", cniVersions }: JsonObject): string {
  if (typeof cniVersion !== "string") {
    throw listError(`invalid cniVersion type ${goType(cniVersion)}`);
  }
  if (cniVersions === undefined) return cniVersion;
  if (!Array.isArray(cniVersions)) {
    throw listError("invalid type for cniVersions: []interface {}");
  }
  const offered = cniVersions.map(readVersion);
  if (cniVersion !== "") {
    checkVersion(cniVersion, `invalid cniVersion ${cniVersion}`);
    offered.push(cniVersion);
  }
  const known = offered.filter((version) => compareVersions(version, currentVersion) <= 0);
  return known.sort(compareVersions).at(-1) ?? cniVersion;
}

function readVersion(version: unknown, index: number): string {
  if (typeof version !== "string") {
    throw listError(`invalid type for cniVersions index ${index}: ${goType(version)}`);
  }
  checkVersion(version, `invalid cniVersions entry ${version} at index ${index}`);
  return version;
}

function checkVersion(version: string, complaint: string): void {
  try {
    parseVersion(version);
  } catch (error) {
    throw listError(`${complaint}: ${reasonOf(error)}`);
  }
}

function readFlag(json: JsonObject, key: string): boolean {
  const value = json[key];
  if (value === undefined) return false;
  if (typeof value === "boolean") return value;
  if (typeof value !== "string") throw listError(`invalid type ${goType(value)} for ${key}`);
  const lower = value.toLowerCase();
  if (lower === "true") return true;
  if (lower === "false") return false;
  throw listError(`invalid value ${goQuote(lower)} for ${key}`);
}

function readPlugins(plugins: unknown): PluginConfig[] {
  if (plugins === undefined) return [];
  if (!Array.isArray(plugins)) throw listError(`invalid 'plugins' type ${goType(plugins)}`);
  if (plugins.length === 0) throw listError("no plugins in list");
  return plugins.map((plugin, index) => {
    try {
      return pluginOf(plugin);
    } catch (error) {
      throw new Error(`failed to parse plugin config ${index}: ${reasonOf(error)}`);
    }
  });
}

function pluginOf(json: unknown): PluginConfig {
  if (json === null) throw pluginError("missing 'type'");
  if (typeof json !== "object" || Array.isArray(json)) {
    throw pluginError(
      `json: cannot unmarshal ${jsonType(json)} into Go value of type types.PluginConf`,
    );
  }
  const fields = foldKeys(json, ["type", "name", "cniVersion", "capabilities", "ipam"]);
  const type = textOf(fields, "type");
  const name = textOf(fields, "name");
  const cniVersion = textOf(fields, "cniVersion");
  const capabilities = capabilitiesOf(fields.capabilities);
  if (type === "") throw pluginError(lacksType(json));
  const ipamType = ipamTypeOf(fields.ipam);
  return { type, name, cniVersion, capabilities, ipamType, json: json as JsonObject };
}

/** A list in a file named for a single configuration is a common slip, worth naming (the message goes on, not away). */
function lacksType(json: object): string {
  const isList = "plugins" in json;
  return `missing 'type'${isList ? ` (a list with "plugins" belongs in a .conflist file)` : ""}`;
}

function textOf(fields: Readonly<Record<string, unknown>>, key: string): string {
  const value = fields[key] ?? "";
  if (typeof value === "string") return value;
  throw pluginError(mismatch(value, key, "string"));
}

function ipamTypeOf(ipam: unknown): string {
  if (typeof ipam !== "object" || ipam === null || Array.isArray(ipam)) return "";
  const { type } = foldKeys(ipam, ["type"]);
  return typeof type === "string" ? type : "";
}

function capabilitiesOf(value: unknown = {}): Record<string, boolean> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw pluginError(mismatch(value, "capabilities", "map[string]bool"));
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, enabled]) => {
      if (typeof enabled === "boolean" || enabled === null) return [name, enabled === true];
      throw pluginError(mismatch(enabled, "capabilities", "bool"));
    }),
  );
}

function mismatch(value: unknown, key: string, wanted: string): string {
  return `json: cannot unmarshal ${jsonType(value)} into Go struct field PluginConf.${key} of type ${wanted}`;
}

function jsonType(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "boolean") return "bool";
  return typeof value;
}

/** The name of the type that Go gives a value, as its `%T` prints it. */
function goType(value: unknown): string {
  if (value === null) return "<nil>";
  if (Array.isArray(value)) return "[]interface {}";
  if (typeof value === "string") return "string";
  if (typeof value === "boolean") return "bool";
  return typeof value === "number" ? "float64" : "map[string]interface {}";
}

/** An error's own words. */
export function reasonOf(error: unknown): string {
  if (error instanceof CniError) {
    return error.details ? `${error.message}; ${error.details}` : error.message;
  }
  return error instanceof Error ? error.message : String(error);
}

function listError(reason: string): Error {
  return new Error(`error parsing configuration list: ${reason}`);
}

function pluginError(reason: string): Error {
  return new Error(`error parsing configuration: ${reason}`);
}
