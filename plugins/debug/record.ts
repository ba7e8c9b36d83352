/** What the plugin was given, appended to files: as the reference's debug plugin writes it, and as JSON lines. */

import type { Context } from "../../pkg/skel/context.ts";
import type { Verb } from "../../pkg/skel/environment.ts";
import { realtimeMs } from "../../pkg/sys/clock.ts";
import { OpenFlag, openFile, writeAll } from "../../pkg/sys/file.ts";
import { encode } from "../../pkg/sys/text.ts";
import type { DebugConfig } from "./config.ts";

/** The call as far as a record tells it. */
type Recorded = Pick<
  Context<DebugConfig>,
  "config" | "containerId" | "netns" | "ifName" | "env" | "stdin"
>;

/** Appends the call to the files that the configuration names. */
export function record(call: Recorded, verb: Verb): void {
  const { cniOutput, record } = call.config;
  if (cniOutput !== "") append(cniOutput, asText(call, verb));
  if (record !== "") append(record, `${asJson(call, verb, realtimeMs())}\n`);
}

/** The reference's form: a block of lines per call. */
export function asText({ containerId, netns, ifName, env, stdin }: Recorded, verb: Verb): string {
  const lines = [
    `Cmd${verb === "GC" ? verb : `${verb.slice(0, 1)}${verb.slice(1).toLowerCase()}`}`,
    `ContainerID: ${containerId}`,
    `Netns: ${netns}`,
    `IfName: ${ifName}`,
    `Args: ${env.CNI_ARGS ?? ""}`,
    `Path: ${env.CNI_PATH ?? ""}`,
    `StdinData: ${stdin}`,
    "-".repeat(22),
  ];
  return `${lines.join("\n")}\n`;
}

/** One line per call, the configuration as it came. */
export function asJson(
  { containerId, netns, ifName, env, stdin }: Recorded,
  verb: Verb,
  now: number,
): string {
  return JSON.stringify({
    time: new Date(now).toISOString(),
    verb,
    containerId,
    netns,
    ifName,
    args: env.CNI_ARGS ?? "",
    path: env.CNI_PATH ?? "",
    config: JSON.parse(stdin),
  });
}

/** One write, so that calls at the same time do not mix. The record may hold secrets: it is for its owner only. */
function append(path: string, text: string): void {
  const flags = OpenFlag.writeOnly | OpenFlag.append | OpenFlag.create;
  using file = openFile(path, flags, 0o600);
  writeAll(file, encode(text));
}
