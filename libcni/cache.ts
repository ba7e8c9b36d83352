/**
 * What is remembered of each attachment, in the reference's files: either library can take over the other's. Written
 * whole or not at all; read with tolerance, since a file may have been cut short by a power cut or another writer.
 */

import { decodeJson } from "../pkg/cni/json.ts";
import { goQuote } from "../pkg/cni/quote.ts";
import { createResult, printResult, type Result, readResult } from "../pkg/cni/result.ts";
import { defaultVersion } from "../pkg/cni/version.ts";
import { Errno, isSysError } from "../pkg/sys/errno.ts";
import type { Attachment, AttachmentId } from "./attachment.ts";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { type JsonObject, reasonOf } from "./config.ts";
import { compareBytes, printSorted } from "./json-print.ts";
import { decodeExact } from "./json-tree.ts";
import type { Machine } from "./machine.ts";
import { plainResult } from "./request.ts";

/** An attachment that the cache knows. */
export interface CachedAttachment extends Attachment {
  readonly network: string;
  /** The list's text as it was when the attachment was made. */
  readonly config: string;
  readonly result?: Result;
  /** When it was written, milliseconds since 1970. */
  readonly modifiedMs: number;
}

/** What is written for an attachment. */
export interface CacheEntry {
  readonly network: string;
  readonly config: string;
  readonly attachment: Attachment;
  readonly result: Result;
}

const envelopeKind = "cniCacheV1";

/** The cache below one directory. */
export class Cache {
  /** Where the files are. */
  readonly directory: string;
  readonly #machine: Machine;

  constructor(machine: Machine, cacheDir: string) {
    this.#machine = machine;
    this.directory = `${cacheDir.replace(/(?<=.)\/+$/, "")}/results`;
  }

  /** Remembers an attachment. */
  async write({ network, config, attachment, result }: CacheEntry): Promise<void> {
    const { containerId, ifName, netns, args, capabilityArgs } = attachment;
    // In this order and without what is empty, as the reference prints it.
    const members: [string, unknown][] = [
      ["kind", envelopeKind],
      ["containerId", containerId],
      ["config", encodeBase64(this.#machine.encode(config))],
      ["ifName", ifName],
      ["networkName", network],
      ["netns", netns || undefined],
      ["cniArgs", args?.length ? args : undefined],
      ["capabilityArgs", Object.keys(capabilityArgs ?? {}).length ? capabilityArgs : undefined],
      ["result", plainResult(result)],
    ];
    const text = members
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => `"${key}":${printSorted(value)}`);
    const name = fileName(network, attachment);
    await this.#machine.replaceFile(this.directory, name, `{${text.join(",")}}`);
  }

  /** Forgets an attachment; a file that tells of another one stays. */
  async remove(network: string, id: AttachmentId): Promise<void> {
    const text = await this.#read(fileName(network, id));
    if (text === undefined) return;
    const envelope = envelopeOf(text);
    if (envelope !== undefined && !isAbout(envelope, network, id)) return;
    await this.#machine.removeFile(`${this.directory}/${fileName(network, id)}`);
  }

  /**
   * The result of an attachment's ADD, converted to a version; undefined if nothing is remembered.
   * Throws where the file holds something else than a result.
   */
  async readResult(
    network: string,
    id: AttachmentId,
    version: string,
  ): Promise<Result | undefined> {
    const text = await this.#read(fileName(network, id));
    if (text === undefined) return undefined;
    const envelope = envelopeOf(text);
    if (envelope !== undefined && !isAbout(envelope, network, id)) return undefined;
    // Before the envelope there was the bare result.
    const json = envelope === undefined ? decodeJson(text) : envelope.result;
    if (json === undefined || json === null) return undefined;
    return convert(readResult(json, defaultVersion), version || defaultVersion);
  }

  /** What is remembered of an attachment; undefined if nothing is, or nothing that can be read. */
  async find(network: string, id: AttachmentId): Promise<CachedAttachment | undefined> {
    const found = await this.#load(fileName(network, id));
    const isIt =
      found?.network === network &&
      found.containerId === id.containerId &&
      found.ifName === id.ifName;
    return isIt ? found : undefined;
  }

  /** Every attachment that is remembered, of one container or of all, in the order of the files' names. */
  async list(containerId = ""): Promise<CachedAttachment[]> {
    const names = (await this.#names()).sort(compareBytes);
    const found: CachedAttachment[] = [];
    for (const name of names) {
      if (containerId !== "" && !name.includes(`-${containerId}-`)) continue;
      const attachment = await this.#load(name);
      if (attachment === undefined) continue;
      if (containerId === "" || attachment.containerId === containerId) found.push(attachment);
    }
    return found;
  }

  async #names(): Promise<string[]> {
    try {
      return await this.#machine.listFiles(this.directory);
    } catch (error) {
      if (isSysError(error, Errno.ENOENT)) return [];
      throw error;
    }
  }

  async #load(name: string): Promise<CachedAttachment | undefined> {
    const text = await this.#read(name);
    const envelope = text === undefined ? undefined : envelopeOf(text);
    const state = await this.#machine.stat(`${this.directory}/${name}`);
    if (envelope === undefined || state === undefined) return undefined;
    const config = decodeBase64(textAt(envelope, "config"));
    const attachment: CachedAttachment = {
      network: textAt(envelope, "networkName"),
      containerId: textAt(envelope, "containerId"),
      ifName: textAt(envelope, "ifName"),
      netns: textAt(envelope, "netns"),
      config: config === undefined ? "" : this.#machine.decode(config),
      modifiedMs: state.modifiedMs,
      ...argsOf(envelope),
      ...resultOf(envelope),
    };
    return attachment.ifName === "" || attachment.network === "" ? undefined : attachment;
  }

  /** A file's text; whatever keeps it from being read counts as no file, as the reference has it. */
  async #read(name: string): Promise<string | undefined> {
    try {
      return await this.#machine.readText(`${this.directory}/${name}`);
    } catch {
      return undefined;
    }
  }
}

function fileName(network: string, { containerId, ifName }: AttachmentId): string {
  if (network !== "" && containerId !== "" && ifName !== "") {
    return `${network}-${containerId}-${ifName}`;
  }
  const [name, id, link] = [network, containerId, ifName].map(goQuote);
  throw new Error(
    `cache file path requires network name (${name}), container ID (${id}), and interface name (${link})`,
  );
}

function envelopeOf(text: string): JsonObject | undefined {
  try {
    const json = decodeExact(text) as JsonObject | null;
    return json?.kind === envelopeKind ? json : undefined;
  } catch {
    return undefined;
  }
}

/** The name joins its parts with dashes, which they may hold themselves: "a-b" with "c" has the file of "a" with "b-c". */
function isAbout(envelope: JsonObject, network: string, id: AttachmentId): boolean {
  const { networkName = network, containerId = id.containerId, ifName = id.ifName } = envelope;
  return networkName === network && containerId === id.containerId && ifName === id.ifName;
}

function argsOf({
  cniArgs,
  capabilityArgs,
}: JsonObject): Pick<Attachment, "args" | "capabilityArgs"> {
  return {
    ...(Array.isArray(cniArgs) && { args: cniArgs.filter(isPair) }),
    ...(typeof capabilityArgs === "object" &&
      capabilityArgs !== null && { capabilityArgs: capabilityArgs as JsonObject }),
  };
}

function isPair(pair: unknown): pair is [string, string] {
  return Array.isArray(pair) && pair.length === 2 && pair.every((it) => typeof it === "string");
}

function resultOf({ result }: JsonObject): { result?: Result } {
  if (result === undefined || result === null) return {};
  try {
    return { result: readResult(result, defaultVersion) };
  } catch {
    // The listing is for finding attachments; whoever needs the result reads it and is told.
    return {};
  }
}

function textAt(envelope: JsonObject, key: string): string {
  const value = envelope[key];
  return typeof value === "string" ? value : "";
}

/** The result in another version's shape, which drops what that cannot hold. */
function convert(result: Result, version: string): Result {
  try {
    return createResult(JSON.parse(printResult(result, version)), version);
  } catch (error) {
    throw new Error(
      `failed to convert cached result to config version ${goQuote(version)}: ${reasonOf(error)}`,
    );
  }
}
