/** One container's interface on one network: what identifies it and what the runtime says about it. */

import { CniError, ErrorCode } from "../pkg/cni/error.ts";
import { checkContainerId, checkInterfaceName, checkNetworkName } from "../pkg/cni/names.ts";
import type { JsonObject } from "./config.ts";

/** What a runtime passes for a container, the reference's RuntimeConf. */
export interface Attachment {
  readonly containerId: string;
  /** The namespace's path; may be empty for DEL. */
  readonly netns: string;
  readonly ifName: string;
  /** CNI_ARGS, in order. */
  readonly args?: readonly (readonly [key: string, value: string])[];
  /** Values for the capabilities that plugins declare. */
  readonly capabilityArgs?: JsonObject;
}

/** What identifies an attachment within its network. */
export interface AttachmentId {
  readonly containerId: string;
  readonly ifName: string;
}

/** Refuses names before any path or variable is made of them. */
export function checkAttachment(network: string, { containerId, ifName }: AttachmentId): void {
  checkContainerId(containerId);
  checkNetworkName(network);
  checkInterfaceName(ifName);
}

/** CNI_ARGS as text. */
export function joinArgs(args: Attachment["args"] = []): string {
  return args.map(([key, value]) => `${key}=${value}`).join(";");
}

/** CNI_ARGS from text, as cnitool reads them. */
export function splitArgs(text: string): [string, string][] {
  if (text === "") return [];
  return text.split(";").map((pair) => {
    const [key = "", value = "", ...rest] = pair.split("=");
    if (key !== "" && value !== "" && rest.length === 0) return [key, value];
    throw new CniError(ErrorCode.invalidEnvironment, `invalid CNI_ARGS pair "${pair}"`);
  });
}
