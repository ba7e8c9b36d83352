/** reload: puts back the rules of what is attached, after somebody emptied the host's packet filter. */

import type { CachedAttachment } from "../libcni/cache.ts";
import { reasonOf } from "../libcni/config.ts";
import { type Command, commonFlags, jsonFlag, type Session, timeoutFlag } from "./command.ts";
import type { CommandLine } from "./flags.ts";
import { callOptions } from "./inputs.ts";
import { printJson, printTable } from "./table.ts";

/** What became of an attachment's rules. */
interface Outcome {
  readonly network: string;
  readonly containerId: string;
  readonly ifName: string;
  readonly state: "reloaded" | "gone" | "failed";
  readonly reason: string;
}

export const reload: Command = {
  name: "reload",
  usage: "[NETWORK]",
  summary: "puts back the packet filter rules of what is attached",
  details: [
    "For after a reload of the host's firewall. Links, addresses and connections are left alone, and so is an attachment whose",
    "namespace is gone. Each is done by the configuration it was made with. Plugins of other suites do not know how, which is told.",
  ].join("\n"),
  leastArgs: 0,
  flags: [...commonFlags, jsonFlag, timeoutFlag],
  async run(line, session) {
    const [network] = line.args;
    const attachments = (await session.cni.cachedAttachments())
      .filter((attachment) => network === undefined || attachment.network === network)
      .sort((a, b) => a.modifiedMs - b.modifiedMs);
    const outcomes: Outcome[] = [];
    for (const attachment of attachments) {
      outcomes.push(await reloadOne(attachment, line, session));
    }
    session.print(line.flags.has("json") ? printJson(outcomes) : show(outcomes));
    return outcomes.some(({ state }) => state === "failed") ? 1 : 0;
  },
};

async function reloadOne(
  attachment: CachedAttachment,
  line: CommandLine,
  { cni, machine, wasInterrupted }: Session,
): Promise<Outcome> {
  const { network, containerId, ifName, netns } = attachment;
  const names = { network, containerId, ifName };
  if (netns !== "" && (await machine.stat(netns)) === undefined) {
    return { ...names, state: "gone", reason: "" };
  }
  if (wasInterrupted()) return { ...names, state: "failed", reason: "not tried: interrupted" };
  try {
    const unaware = await cni.reload(attachment, callOptions(line));
    const reason = unaware.length === 0 ? "" : `not by ${unaware.join(", ")}`;
    return { ...names, state: "reloaded", reason };
  } catch (error) {
    return { ...names, state: "failed", reason: reasonOf(error) };
  }
}

function show(outcomes: readonly Outcome[]): string {
  const rows = outcomes.map(({ network, containerId, ifName, state, reason }) => [
    network,
    containerId,
    ifName,
    state,
    reason.replaceAll("\n", "; "),
  ]);
  return printTable(["NETWORK", "CONTAINER", "INTERFACE", "STATE", "REASON"], rows);
}
