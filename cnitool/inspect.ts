/** list, show, status: which networks there are, what they consist of, whether they can serve. */

import type { CachedAttachment } from "../libcni/cache.ts";
import { type NetworkList, reasonOf } from "../libcni/config.ts";
import { PluginError } from "../libcni/runner.ts";
import { defaultVersion } from "../pkg/cni/version.ts";
import { type Command, commonFlags, jsonFlag, type Session, timeoutFlag } from "./command.ts";
import { callOptions, configDirectory, networkOf } from "./inputs.ts";
import { printJson, printTable } from "./table.ts";

export const list: Command = {
  name: "list",
  usage: "",
  summary: "lists the networks of NETCONFPATH, and the files that are none",
  leastArgs: 0,
  flags: [...commonFlags, jsonFlag],
  async run(line, session) {
    const candidates = await session.cni.list(configDirectory(session));
    if (line.flags.has("json")) {
      const plain = candidates.map(({ file, list, reason }) => ({
        file,
        ...(list && { ...describe(list), plugins: typesOf(list) }),
        ...(reason !== undefined && { error: reason }),
      }));
      session.print(printJson(plain));
      return 0;
    }
    if (candidates.length === 0) tellNone(session);
    const rows = candidates.flatMap(({ file, list }) =>
      list === undefined
        ? []
        : [[list.name, list.cniVersion || defaultVersion, typesOf(list).join(","), file]],
    );
    session.print(printTable(["NETWORK", "VERSION", "PLUGINS", "FILE"], rows));
    for (const { file, reason } of candidates) {
      if (reason !== undefined) session.print(`not loaded: ${file}: ${reason}\n`);
    }
    return 0;
  },
};

export const show: Command = {
  name: "show",
  usage: "NETWORK",
  summary: "shows the plugins of a network, where each comes from, and what is attached",
  leastArgs: 1,
  flags: [...commonFlags, jsonFlag],
  async run(line, session) {
    const network = await networkOf(line, session);
    const attached = (await session.cni.cachedAttachments()).filter(
      (attachment) => attachment.network === network.name,
    );
    session.print(
      line.flags.has("json") ? showJson(network, attached) : showText(network, attached),
    );
    return 0;
  },
};

export const status: Command = {
  name: "status",
  usage: "[NETWORK] [NETNS]",
  summary: "asks whether a network, or each of NETCONFPATH, can serve",
  details: "Plugins are asked from version 1.1.0 on. The namespace is not looked at.",
  leastArgs: 0,
  flags: [...commonFlags, jsonFlag, timeoutFlag],
  async run(line, session) {
    if (line.args.length > 0) {
      await session.cni.status(await networkOf(line, session), callOptions(line));
      return 0;
    }
    const states: State[] = [];
    for (const { file, list, reason } of await session.cni.list(configDirectory(session))) {
      if (list === undefined) states.push({ network: file, state: "not loaded", reason });
      else states.push(await stateOf(list, session, callOptions(line)));
    }
    if (states.length === 0) tellNone(session);
    const rows = states.map(({ network, state, reason = "" }) => [network, state, reason]);
    session.print(
      line.flags.has("json") ? printJson(states) : printTable(["NETWORK", "STATE", "REASON"], rows),
    );
    return states.every(({ state }) => state === "ready" || state === "not asked") ? 0 : 1;
  },
};

/** An empty table does not say which directory was looked at. */
function tellNone(session: Session): void {
  session.machine.writeStderr(`no net configurations found in ${configDirectory(session)}\n`);
}

interface State {
  readonly network: string;
  readonly state: string;
  readonly reason?: string;
  readonly code?: number;
}

async function stateOf(
  list: NetworkList,
  { cni }: Session,
  options: { timeoutMs?: number },
): Promise<State> {
  const network = list.name;
  if (!/^1\.[1-9]/.test(list.cniVersion)) {
    return {
      network,
      state: "not asked",
      reason: `version ${list.cniVersion || defaultVersion} has no STATUS`,
    };
  }
  try {
    await cni.status(list, options);
    return { network, state: "ready" };
  } catch (error) {
    const code = error instanceof PluginError ? { code: error.code } : {};
    return { network, state: "not ready", reason: reasonOf(error), ...code };
  }
}

function describe({ name, cniVersion, disableCheck, disableGC }: NetworkList) {
  return { name, cniVersion: cniVersion || defaultVersion, disableCheck, disableGC };
}

function typesOf({ plugins }: NetworkList): string[] {
  return plugins.map(({ type }) => type);
}

function showJson(network: NetworkList, attached: readonly CachedAttachment[]): string {
  return printJson({
    ...describe(network),
    file: network.file,
    plugins: network.plugins.map(({ json, file }) => ({
      file: file ?? network.file,
      config: json,
    })),
    attachments: attached.map(({ containerId, ifName, netns, result }) => ({
      containerId,
      ifName,
      netns,
      addresses: result?.ips?.map(({ address }) => address) ?? [],
    })),
  });
}

function showText(network: NetworkList, attached: readonly CachedAttachment[]): string {
  const { name, cniVersion, file = "" } = network;
  const flags = [network.disableCheck && "without CHECK", network.disableGC && "without GC"].filter(
    (text) => text !== false,
  );
  const plugins = network.plugins.map((plugin) => [
    plugin.type,
    plugin.ipamType || "-",
    enabled(plugin.capabilities).join(",") || "-",
    plugin.file ?? file,
  ]);
  const rows = attached.map(({ containerId, ifName, netns, result }) => [
    containerId,
    ifName,
    result?.ips?.map(({ address }) => address).join(",") || "-",
    netns || "-",
  ]);
  return [
    [`${name}, version ${cniVersion || defaultVersion}`, ...flags].join(", "),
    "\n\n",
    printTable(["PLUGIN", "IPAM", "CAPABILITIES", "FILE"], plugins),
    "\n",
    rows.length === 0
      ? "nothing is attached\n"
      : printTable(["CONTAINER", "INTERFACE", "ADDRESSES", "NAMESPACE"], rows),
  ].join("");
}

function enabled(capabilities: Readonly<Record<string, boolean>>): string[] {
  return Object.keys(capabilities).filter((name) => capabilities[name] === true);
}
