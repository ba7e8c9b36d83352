/** The CNI_* variables: which verb needs which, and what they may hold (CNI spec 1.1.0, section 2). */

import { CniError, ErrorCode } from "../cni/error.ts";
import { checkContainerId, checkInterfaceName } from "../cni/names.ts";

/** The specification's verbs that a plugin defines; VERSION is answered without one. */
export type Verb = "ADD" | "CHECK" | "DEL" | "GC" | "STATUS";

/** Those and one of this suite's own: plugins of others answer with code 4 that they do not know it. */
export type AnyVerb = Verb | "RELOAD";

/** One call of a plugin, as its environment describes it. An absent variable is an empty text. */
export interface Invocation {
  /** CNI_COMMAND as given; `isVerb` says whether it is one. */
  readonly command: string;
  readonly containerId: string;
  readonly netns: string;
  readonly ifName: string;
  readonly args: string;
  readonly path: string;
  /** CNI_NETNS_OVERRIDE: the container may share the plugin's own namespace. */
  readonly allowOwnNetns: boolean;
}

const pluginVerbs: readonly string[] = ["ADD", "CHECK", "DEL", "GC", "STATUS", "RELOAD"];

/** Those that are about one attachment. */
const attachmentVerbs: readonly string[] = ["ADD", "CHECK", "DEL", "RELOAD"];

interface Variable {
  name: string;
  /** The commands that need it; "any" for those too that are no verbs. */
  requiredBy: readonly string[] | "any";
  check?: (value: string) => void;
}

/** In the order in which they are examined: the first invalid one ends the walk. */
const variables: readonly Variable[] = [
  { name: "CNI_COMMAND", requiredBy: "any" },
  { name: "CNI_CONTAINERID", requiredBy: attachmentVerbs, check: checkContainerId },
  { name: "CNI_NETNS", requiredBy: ["ADD", "CHECK"] },
  { name: "CNI_IFNAME", requiredBy: attachmentVerbs, check: checkInterfaceName },
  { name: "CNI_ARGS", requiredBy: [] },
  { name: "CNI_PATH", requiredBy: pluginVerbs },
];

export function isVerb(command: string): command is AnyVerb {
  return pluginVerbs.includes(command);
}

/** Reads and checks the variables. Throws code 4 for an invalid or a missing one. */
export function readInvocation(env: Readonly<Record<string, string>>): Invocation {
  const command = env.CNI_COMMAND ?? "";
  const missing: string[] = [];
  // Indexed: iterators and destructuring cost as much as all the rest.
  for (let at = 0; at < variables.length; at++) {
    const variable = variables[at] as Variable;
    const { requiredBy } = variable;
    const value = env[variable.name] ?? "";
    if (value !== "") variable.check?.(value);
    else if (requiredBy === "any" || requiredBy.includes(command)) missing.push(variable.name);
  }
  if (missing.length > 0) {
    throw new CniError(
      ErrorCode.invalidEnvironment,
      `required env variables [${missing.join(",")}] missing`,
    );
  }
  const override = env.CNI_NETNS_OVERRIDE ?? "";
  return {
    command,
    containerId: env.CNI_CONTAINERID ?? "",
    netns: env.CNI_NETNS ?? "",
    ifName: env.CNI_IFNAME ?? "",
    args: env.CNI_ARGS ?? "",
    path: env.CNI_PATH ?? "",
    allowOwnNetns: override === "1" || override.toLowerCase() === "true",
  };
}
