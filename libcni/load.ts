/** Finds network configurations in a directory. A broken neighbour never hides a good one: its reason is kept and told. */

import { checkNetworkName } from "../pkg/cni/names.ts";
import { goQuote } from "../pkg/cni/quote.ts";
import { Errno, isSysError } from "../pkg/sys/errno.ts";
import {
  type NetworkList,
  type PluginConfig,
  parseList,
  parsePlugin,
  reasonOf,
  toList,
} from "./config.ts";
import { compareBytes, printSorted } from "./json-print.ts";
import { decodeExact } from "./json-tree.ts";
import type { Machine } from "./machine.ts";

/** A file of the configuration directory: the network in it, or why there is none. */
export type Candidate =
  | { readonly file: string; readonly list: NetworkList; readonly reason?: undefined }
  | { readonly file: string; readonly list?: undefined; readonly reason: string };

/** No file of the directory is a network configuration. */
export class NoNetworksError extends Error {
  override readonly name = "NoNetworksError";
}

/** None of the directory's networks has the name; `skipped` says which files could not be read, and why. */
export class NetworkNotFoundError extends Error {
  override readonly name = "NetworkNotFoundError";
  readonly skipped: readonly Candidate[];

  constructor(network: string, directory: string, skipped: readonly Candidate[]) {
    const reasons = skipped.map(({ file, reason }) => `\n  skipped ${file}: ${reason}`).join("");
    super(`no net configuration with name ${goQuote(network)} in ${directory}${reasons}`);
    this.skipped = skipped;
  }
}

/** Every network configuration of a directory, in the order in which a name is looked up. */
export async function listNetworks(machine: Machine, directory: string): Promise<Candidate[]> {
  const files = await configFiles(machine, directory);
  const candidates: Candidate[] = [];
  for (const file of files) candidates.push(await tryLoad(machine, file));
  return candidates;
}

/** The network of that name: lists come before configurations of one plugin. */
export async function findNetwork(
  machine: Machine,
  network: string,
  directory: string,
): Promise<NetworkList> {
  const files = await configFiles(machine, directory);
  if (files.length === 0) {
    throw new NoNetworksError(`no net configurations found in ${directory}`);
  }
  const skipped: Candidate[] = [];
  for (const file of files) {
    const candidate = await tryLoad(machine, file);
    if (candidate.list?.name === network) return candidate.list;
    if (candidate.list === undefined) skipped.push(candidate);
  }
  throw new NetworkNotFoundError(network, directory, skipped);
}

/** Loads a list, or a configuration of one plugin, by its file's extension. */
export async function loadFile(machine: Machine, file: string): Promise<NetworkList> {
  return file.endsWith(".conflist") ? loadListFile(machine, file) : loadPluginFile(machine, file);
}

/** Loads a list, with the plugins of its drop-in directory behind its own. */
export async function loadListFile(machine: Machine, file: string): Promise<NetworkList> {
  const list = parseList(await readOrExplain(machine, file));
  const dropIns = list.loadOnlyInlinedPlugins ? [] : await loadDropIns(machine, file, list.name);
  const plugins = [...list.plugins, ...dropIns];
  if (plugins.length === 0) throw new Error("no plugin configs found");
  // The cache must hold what was run, wherever it came from.
  const text = dropIns.length === 0 ? list.text : inlined(list.text, plugins);
  return { ...list, plugins, text, file };
}

async function loadPluginFile(machine: Machine, file: string): Promise<NetworkList> {
  const plugin = parsePlugin(await readOrExplain(machine, file));
  const { name, cniVersion, json } = plugin;
  // Who finds it in the cache takes it for a list, as the reference has it there.
  const text = printSorted({ name, cniVersion, plugins: [json] });
  return { ...toList(plugin, text), file };
}

async function loadDropIns(
  machine: Machine,
  file: string,
  network: string,
): Promise<PluginConfig[]> {
  // Before any path is made of it: the name comes from a file and may hold "../".
  checkNetworkName(network);
  const directory = `${file.slice(0, file.lastIndexOf("/") + 1)}${network}`;
  let names: string[];
  try {
    names = await filesIn(machine, directory, [".conf"]);
  } catch (error) {
    throw new Error(`failed to read plugin config files in ${directory}: ${reasonOf(error)}`);
  }
  const plugins: PluginConfig[] = [];
  for (const path of names) {
    plugins.push({ ...parsePlugin(await readOrExplain(machine, path)), file: path });
  }
  return plugins;
}

function inlined(text: string, plugins: readonly PluginConfig[]): string {
  const json = decodeExact(text) as object;
  return printSorted({
    ...json,
    loadOnlyInlinedPlugins: true,
    plugins: plugins.map((plugin) => plugin.json),
  });
}

async function configFiles(machine: Machine, directory: string): Promise<string[]> {
  const lists = await filesIn(machine, directory, [".conflist"]);
  return [...lists, ...(await filesIn(machine, directory, [".conf", ".json"]))];
}

/** The directory's files with one of the extensions, in byte order; a missing directory has none. */
async function filesIn(
  machine: Machine,
  directory: string,
  extensions: readonly string[],
): Promise<string[]> {
  const bare = directory.replace(/(?<=.)\/+$/, "");
  let names: string[];
  try {
    names = await machine.listFiles(bare);
  } catch (error) {
    if (isSysError(error, Errno.ENOENT)) return [];
    throw error;
  }
  return names
    .filter((name) => extensions.includes(name.slice(name.lastIndexOf("."))))
    .sort(compareBytes)
    .map((name) => `${bare}/${name}`);
}

async function tryLoad(machine: Machine, file: string): Promise<Candidate> {
  try {
    return { file, list: await loadFile(machine, file) };
  } catch (error) {
    return { file, reason: reasonOf(error) };
  }
}

async function readOrExplain(machine: Machine, file: string): Promise<string> {
  try {
    return await machine.readText(file);
  } catch (error) {
    throw new Error(`error reading ${file}: ${reasonOf(error)}`);
  }
}
