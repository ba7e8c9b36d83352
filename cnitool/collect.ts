/** gc: removes what belongs to no attachment that is to be kept. */

import type { AttachmentId } from "../libcni/attachment.ts";
import type { CachedAttachment } from "../libcni/cache.ts";
import { atLeast } from "../pkg/cni/version.ts";
import { type Command, commonFlags, jsonFlag, type Session, timeoutFlag } from "./command.ts";
import { type CommandLine, UsageError } from "./flags.ts";
import { callOptions, ifNameOf, networkOf } from "./inputs.ts";
import { printJson, printTable } from "./table.ts";

export const gc: Command = {
  name: "gc",
  usage: "NETWORK [NETNS]",
  summary: "removes attachments, and whatever else belongs to none that is kept",
  details: [
    "Without --keep or --keep-living every attachment of the network goes, as with the reference's cnitool.",
    "The namespace is not looked at.",
  ].join("\n"),
  leastArgs: 1,
  flags: [
    ...commonFlags,
    {
      name: "keep",
      value: "ID[:IFNAME]",
      help: "an attachment to keep, by container id; may be given again",
    },
    { name: "keep-living", help: "keeps attachments whose namespace still exists" },
    { name: "dry-run", help: "shows what would be removed, and removes nothing" },
    jsonFlag,
    timeoutFlag,
  ],
  async run(line, session) {
    const list = await networkOf(line, session);
    const valid = keeper(line, session, list.name);
    if (line.flags.has("dry-run")) {
      const stale = list.disableGC ? [] : await session.cni.staleAttachments(list, await valid?.());
      const collects = !list.disableGC && atLeast(list.cniVersion, "1.1.0");
      const plugins = collects ? list.plugins.map(({ type }) => type) : [];
      session.print(line.flags.has("json") ? printPlan(stale, plugins) : showPlan(stale, plugins));
      return 0;
    }
    const options = valid === undefined ? {} : { validAttachments: valid };
    await session.cni.gc(list, { ...callOptions(line), ...options });
    return 0;
  },
};

/** What tells which attachments to keep, when it is asked; undefined where nothing was said of any. */
function keeper(
  line: CommandLine,
  session: Session,
  network: string,
): (() => Promise<AttachmentId[]>) | undefined {
  const keep = line.flags.get("keep");
  const keepsLiving = line.flags.has("keep-living");
  if (keep === undefined && !keepsLiving) return undefined;
  const named = (keep ?? []).map((text) => {
    const [containerId = "", ifName = ifNameOf(line, session), ...rest] = text.split(":");
    if (containerId !== "" && ifName !== "" && rest.length === 0) return { containerId, ifName };
    throw new UsageError(`invalid value "${text}" for --keep: expected ID or ID:IFNAME`);
  });
  return async () => [...named, ...(keepsLiving ? await livingOf(session, network) : [])];
}

async function livingOf({ cni, machine }: Session, network: string): Promise<AttachmentId[]> {
  const living: AttachmentId[] = [];
  for (const attachment of await cni.cachedAttachments()) {
    const { netns, containerId, ifName } = attachment;
    if (attachment.network !== network || netns === "") continue;
    if ((await machine.stat(netns)) !== undefined) living.push({ containerId, ifName });
  }
  return living;
}

function printPlan(stale: readonly CachedAttachment[], plugins: readonly string[]): string {
  const attachments = stale.map(({ containerId, ifName, netns }) => ({
    containerId,
    ifName,
    netns,
  }));
  return printJson({ delete: attachments, collect: plugins });
}

function showPlan(stale: readonly CachedAttachment[], plugins: readonly string[]): string {
  const rows = stale.map(({ containerId, ifName, netns }) => [containerId, ifName, netns]);
  const deletions =
    rows.length === 0
      ? "no attachment would be deleted\n"
      : `would delete:\n${printTable(["CONTAINER", "INTERFACE", "NAMESPACE"], rows)}`;
  const collection =
    plugins.length === 0
      ? "no plugin would be asked to collect\n"
      : `would then ask to collect what belongs to none: ${plugins.join(", ")}\n`;
  return deletions + collection;
}
