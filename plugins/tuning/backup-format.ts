/** The texts of the two backup files. */

import * as v from "valibot";
import { goJson } from "../../pkg/cni/json.ts";
import type { Attachment } from "../../pkg/link/attachment.ts";
import { integer, mac } from "../../pkg/skel/field.ts";
import { type LinkValues, linkKeys, type State, wantsLink } from "./state.ts";

/** Whose backup it is. */
export type Owner = Attachment;

const linkFile = v.object({
  mac: v.optional(mac),
  promisc: v.optional(v.boolean()),
  mtu: v.optional(integer(0, 0xffffffff)),
  allmulti: v.optional(v.boolean()),
  txQLen: v.optional(integer(0, 0xffffffff)),
});

const ownFile = v.object({
  network: v.string(),
  containerId: v.string(),
  ifName: v.string(),
  hostEnd: v.optional(v.object({ name: v.string(), mtu: integer(0, 0xffffffff) })),
  sysctl: v.record(v.string(), v.string()),
});

type Log = (line: string) => void;

/** The reference's file; undefined where it would write none. */
export function printLink(link: LinkValues): string | undefined {
  if (!wantsLink(link)) return undefined;
  return goJson(Object.fromEntries(linkKeys.map((key) => [key, link[key]])), 1);
}

/** What the reference's file says. */
export function readLinkFile(text: string | undefined, log: Log): LinkValues {
  return read(linkFile, text, log) ?? {};
}

/** Our file. */
export function printOwn({ network, containerId, ifName }: Owner, state: State): string {
  const { hostEnd, sysctl } = state;
  return goJson({ network, containerId, ifName, hostEnd, sysctl });
}

/** What our file says. Its files must be the namespace's, whoever wrote it. */
export function readOwnFile(
  text: string | undefined,
  log: Log,
): Pick<State, "hostEnd" | "sysctl"> & { readonly owner?: Owner } {
  const found = read(ownFile, text, log);
  if (found === undefined) return { sysctl: {} };
  const { hostEnd, sysctl, ...owner } = found;
  const own = Object.entries(sysctl).filter(
    ([file]) => file.startsWith("net/") && !file.includes("/../"),
  );
  return { owner, hostEnd, sysctl: Object.fromEntries(own) };
}

/** Undefined for no text, and for one that is none of these. */
function read<Schema extends v.GenericSchema>(
  schema: Schema,
  text: string | undefined,
  log: Log,
): v.InferOutput<Schema> | undefined {
  if (text === undefined) return undefined;
  try {
    return v.parse(schema, JSON.parse(text));
  } catch {
    log(`passing over a backup that cannot be read: ${JSON.stringify(text.slice(0, 80))}`);
    return undefined;
  }
}

/** Both backups as one: what was first is how it was before. */
export function mergeStates(first: State | undefined, second: State): State {
  if (first === undefined) return second;
  return {
    link: { ...second.link, ...defined(first.link) },
    hostEnd: first.hostEnd ?? second.hostEnd,
    sysctl: { ...second.sysctl, ...first.sysctl },
  };
}

function defined(link: LinkValues): LinkValues {
  return Object.fromEntries(Object.entries(link).filter(([, value]) => value !== undefined));
}
