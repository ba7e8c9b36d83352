/** What commands make of their arguments and of the environment, in the reference's order and words. */

import { type Attachment, splitArgs } from "../libcni/attachment.ts";
import type { JsonObject, NetworkList } from "../libcni/config.ts";
import { decodeExact } from "../libcni/json-tree.ts";
import type { CallOptions } from "../libcni/libcni.ts";
import { flagValue, type Session } from "./command.ts";
import { absolutePath, containerIdOf } from "./container-id.ts";
import { type CommandLine, UsageError } from "./flags.ts";

const defaultDirectory = "/etc/cni/net.d";
const defaultIfName = "eth0";

/** Where networks are configured: NETCONFPATH. */
export function configDirectory({ env }: Session): string {
  return env.NETCONFPATH || defaultDirectory;
}

/** The network that the first argument names. */
export function networkOf({ args }: CommandLine, session: Session): Promise<NetworkList> {
  return session.cni.load(args[0] ?? "", configDirectory(session));
}

/** The attachment that the second argument's namespace stands for. */
export function attachmentOf(line: CommandLine, session: Session): Attachment {
  const capabilityArgs = capabilityArgsOf(session);
  const args = splitArgs(session.env.CNI_ARGS ?? "");
  const ifName = ifNameOf(line, session);
  const netns = absolutePath(line.args[1] ?? "", session.workingDirectory);
  const containerId = containerIdOf(netns);
  return { containerId, netns, ifName, args, ...(capabilityArgs && { capabilityArgs }) };
}

/** The interface's name: the flag, CNI_IFNAME, eth0. */
export function ifNameOf(line: CommandLine, { env }: Session): string {
  return flagValue(line, "ifname") || env.CNI_IFNAME || defaultIfName;
}

/** The deadline that `--timeout` sets. */
export function callOptions(line: CommandLine): CallOptions {
  const text = flagValue(line, "timeout");
  if (text === undefined) return {};
  const seconds = Number(text);
  if (text.trim() !== "" && seconds > 0) return { timeoutMs: seconds * 1000 };
  throw new UsageError(`invalid value "${text}" for --timeout: expected a number of seconds`);
}

/** The values for capabilities: CAP_ARGS. */
export function capabilityArgsOf({ env }: Session): JsonObject | undefined {
  const text = env.CAP_ARGS ?? "";
  if (text === "") return undefined;
  const json = decodeExact(text);
  if (json === null) return undefined;
  if (typeof json === "object" && !Array.isArray(json)) return json as JsonObject;
  const type = Array.isArray(json) ? "array" : typeof json === "boolean" ? "bool" : typeof json;
  throw new Error(`json: cannot unmarshal ${type} into Go value of type map[string]interface {}`);
}
