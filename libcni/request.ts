/** The configuration that a plugin gets on its stdin. */

import { printResult, type Result } from "../pkg/cni/result.ts";
import type { AttachmentId } from "./attachment.ts";
import type { JsonObject, NetworkList, PluginConfig } from "./config.ts";
import { printSorted } from "./json-print.ts";

/** What a request holds besides the plugin's own configuration. */
export interface RequestExtras {
  readonly prevResult?: Result | undefined;
  readonly capabilityArgs?: JsonObject | undefined;
  /** GC: what must stay. */
  readonly validAttachments?: readonly AttachmentId[] | undefined;
}

/** The request's text, byte for byte the reference's, but for integers too large for a double, which keep their digits. */
export function buildRequest(
  { name, cniVersion }: Pick<NetworkList, "name" | "cniVersion">,
  plugin: PluginConfig,
  { prevResult, capabilityArgs, validAttachments }: RequestExtras = {},
): string {
  const request: JsonObject = { ...withRuntimeConfig(plugin, capabilityArgs), name, cniVersion };
  if (prevResult !== undefined) request.prevResult = plainResult(prevResult);
  if (validAttachments !== undefined) {
    const valid = validAttachments.map(({ containerId, ifName }) => ({
      containerID: containerId,
      ifname: ifName,
    }));
    // The second is what the first releases of spec 1.1.0 called it.
    request["cni.dev/valid-attachments"] = valid;
    request["cni.dev/attachments"] = valid;
  }
  return printSorted(request);
}

/** A result as plain JSON, in the shape of its own version. */
export function plainResult(result: Result): unknown {
  return JSON.parse(printResult(result, result.cniVersion));
}

/** The plugin's configuration with what the runtime has for the capabilities it declares. */
export function withRuntimeConfig(
  { json, capabilities }: PluginConfig,
  capabilityArgs: JsonObject = {},
): JsonObject {
  const declared = Object.entries(capabilityArgs).filter(([name]) => capabilities[name] === true);
  return declared.length === 0 ? json : { ...json, runtimeConfig: Object.fromEntries(declared) };
}
