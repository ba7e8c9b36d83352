/** The verbs over a list's plugins, in the order and with the errors that the reference has. */

import { ErrorCode } from "../pkg/cni/error.ts";
import { decodeJson } from "../pkg/cni/json.ts";
import { goQuote } from "../pkg/cni/quote.ts";
import { type Result, readResult } from "../pkg/cni/result.ts";
import { atLeast, defaultVersion } from "../pkg/cni/version.ts";
import { type Attachment, type AttachmentId, checkAttachment, joinArgs } from "./attachment.ts";
import type { Cache } from "./cache.ts";
import { type NetworkList, type PluginConfig, reasonOf } from "./config.ts";
import { buildRequest } from "./request.ts";
import {
  type Command,
  chainError,
  type Deadline,
  isInterruption,
  PluginError,
  type Runner,
} from "./runner.ts";

/** What a verb needs besides its list. */
export interface ChainCall {
  readonly deadline: Deadline;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Errors name the plugin, as for lists; a configuration of one plugin has its errors as they are. */
  readonly named: boolean;
}

/** What GC is to keep; undefined means that nothing is said to be valid. */
export interface Collection {
  readonly valid: readonly AttachmentId[] | undefined;
  /** Attachments made since that moment stay: whoever asked cannot have known them. */
  readonly sinceMs: number;
}

export class Chain {
  readonly #runner: Runner;
  readonly #cache: Cache;
  readonly #warn: (message: string) => void;

  constructor(runner: Runner, cache: Cache, warn: (message: string) => void) {
    this.#runner = runner;
    this.#cache = cache;
    this.#warn = warn;
  }

  /** Runs every plugin, each with the result of the one before, and remembers the last result. */
  async add(list: NetworkList, attachment: Attachment, call: ChainCall): Promise<Result> {
    let result: Result | undefined;
    for (const plugin of list.plugins) {
      try {
        result = await this.#addOne(list, plugin, { attachment, prevResult: result, call });
      } catch (error) {
        // DEL, which the runtime owes now, finds here what the plugins before this one have made.
        if (result !== undefined) await this.#tryRemember(list, attachment, result);
        throw named(plugin, call, { command: "ADD", verb: "add" }, error);
      }
    }
    if (result === undefined) throw new Error("no plugin configs found");
    try {
      await this.#remember(list, attachment, result);
    } catch (error) {
      const reason = reasonOf(error);
      throw new Error(`failed to set network ${goQuote(list.name)} cached result: ${reason}`);
    }
    return result;
  }

  async #addOne(
    list: NetworkList,
    plugin: PluginConfig,
    step: { attachment: Attachment; prevResult: Result | undefined; call: ChainCall },
  ): Promise<Result> {
    await this.#runner.find(plugin.type); // a missing plugin is reported before a bad name
    checkAttachment(list.name, step.attachment);
    const stdout = await this.#run("ADD", list, plugin, step);
    let json: unknown;
    try {
      json = decodeJson(stdout);
    } catch (error) {
      throw new Error(`failed to unmarshal raw result: ${reasonOf(error)}`);
    }
    return readResult(unlabelled(json), list.cniVersion || defaultVersion);
  }

  async check(list: NetworkList, attachment: Attachment, call: ChainCall): Promise<void> {
    if (!atLeast(list.cniVersion, "0.4.0")) {
      const version = goQuote(list.cniVersion);
      throw new Error(`configuration version ${version} does not support the CHECK command`);
    }
    if (list.disableCheck) return;
    checkAttachment(list.name, attachment);
    let prevResult: Result | undefined;
    try {
      prevResult = await this.#cache.readResult(list.name, attachment, list.cniVersion);
    } catch (error) {
      throw new Error(
        `failed to get network ${goQuote(list.name)} cached result: ${reasonOf(error)}`,
      );
    }
    for (const plugin of list.plugins) {
      await this.#run("CHECK", list, plugin, { attachment, prevResult, call });
    }
  }

  /** Runs every plugin, the last first, and forgets the attachment when all have succeeded. */
  async del(list: NetworkList, attachment: Attachment, call: ChainCall): Promise<void> {
    checkAttachment(list.name, attachment);
    const prevResult = await this.#resultForDel(list, attachment);
    for (const plugin of list.plugins.toReversed()) {
      try {
        await this.#run("DEL", list, plugin, { attachment, prevResult, call });
      } catch (error) {
        throw named(plugin, call, { command: "DEL", verb: "delete" }, error);
      }
    }
    try {
      await this.#cache.remove(list.name, attachment);
    } catch (error) {
      this.#warn(`cannot forget ${attachment.containerId} on ${list.name}: ${reasonOf(error)}`);
    }
  }

  /** Removes what is not valid: each step has its turn, whatever becomes of the others, unless the caller ends it. */
  async gc(list: NetworkList, { valid, sinceMs }: Collection, call: ChainCall): Promise<void> {
    if (list.disableGC) return;
    const failures: string[] = [];
    const failed = (what: string, error: unknown) => {
      failures.push(`${what}: ${reasonOf(error)}`);
      if (isInterruption(error)) throw new Error(failures.join("\n"), { cause: error });
    };
    const cached = await this.stale(list.name, { valid, sinceMs });
    for (const attachment of cached.stale) {
      try {
        await this.del(list, attachment, { ...call, named: true });
      } catch (error) {
        const { containerId, ifName } = attachment;
        failed(`failed to delete stale attachment ${containerId} ${ifName}`, error);
      }
    }
    const validAttachments = valid === undefined ? undefined : [...valid, ...cached.spared];
    if (atLeast(list.cniVersion, "1.1.0")) {
      for (const plugin of list.plugins) {
        try {
          await this.#run("GC", list, plugin, { validAttachments, call });
        } catch (error) {
          failed(`failed to GC plugin ${plugin.type}`, error);
        }
      }
    }
    if (failures.length > 0) throw new Error(failures.join("\n"));
  }

  /** The network's attachments that GC would delete, and those it spares although nobody said they are valid. */
  async stale(network: string, { valid = [], sinceMs }: Collection) {
    const unknown = (await this.#cache.list()).filter(
      (cached) =>
        cached.network === network &&
        !valid.some(
          ({ containerId, ifName }) =>
            containerId === cached.containerId && ifName === cached.ifName,
        ),
    );
    return {
      stale: unknown.filter(({ modifiedMs }) => modifiedMs < sinceMs),
      spared: unknown.filter(({ modifiedMs }) => modifiedMs >= sinceMs),
    };
  }

  async status(list: NetworkList, call: ChainCall): Promise<void> {
    if (!atLeast(list.cniVersion, "1.1.0")) return;
    for (const plugin of list.plugins) await this.#run("STATUS", list, plugin, { call });
  }

  /**
   * Has every plugin put back what the host's packet filter has lost of an attachment, each in its turn whatever becomes of
   * the others. The value names those that do not know how, which others' need not.
   */
  async reload(list: NetworkList, attachment: Attachment, call: ChainCall): Promise<string[]> {
    checkAttachment(list.name, attachment);
    const prevResult = await this.#cache.readResult(list.name, attachment, list.cniVersion);
    if (prevResult === undefined) throw new Error("nothing is remembered of it");
    const failures: string[] = [];
    const unaware: string[] = [];
    for (const plugin of list.plugins) {
      try {
        await this.#run("RELOAD", list, plugin, { attachment, prevResult, call });
      } catch (error) {
        if (isInterruption(error)) throw error;
        const isUnknown =
          error instanceof PluginError && error.code === ErrorCode.invalidEnvironment;
        if (isUnknown) unaware.push(plugin.type);
        else failures.push(`plugin ${plugin.type}: ${reasonOf(error)}`);
      }
    }
    if (failures.length > 0) throw new Error(failures.join("\n"));
    return unaware;
  }

  /** A bad file is no reason to keep a network: it is dropped, and the plugins do without. */
  async #resultForDel(list: NetworkList, attachment: Attachment): Promise<Result | undefined> {
    if (!atLeast(list.cniVersion, "0.4.0")) return undefined;
    try {
      return await this.#cache.readResult(list.name, attachment, list.cniVersion);
    } catch (error) {
      this.#warn(`going on without the cached result of network ${list.name}: ${reasonOf(error)}`);
      await this.#cache.remove(list.name, attachment);
      return undefined;
    }
  }

  #run(
    command: Command,
    list: NetworkList,
    plugin: PluginConfig,
    step: {
      call: ChainCall;
      attachment?: Attachment;
      prevResult?: Result | undefined;
      validAttachments?: readonly AttachmentId[] | undefined;
    },
  ): Promise<string> {
    const { attachment, prevResult, validAttachments, call } = step;
    const { containerId = "", netns = "", ifName = "", args, capabilityArgs } = attachment ?? {};
    const stdin = buildRequest(list, plugin, { prevResult, capabilityArgs, validAttachments });
    const { type } = plugin;
    const { deadline, env } = call;
    const names = { containerId, netns, ifName, args: joinArgs(args) };
    return this.#runner.run({ type, command, ...names, stdin, deadline, env });
  }

  #remember(list: NetworkList, attachment: Attachment, result: Result): Promise<void> {
    return this.#cache.write({ network: list.name, config: list.text, attachment, result });
  }

  async #tryRemember(list: NetworkList, attachment: Attachment, result: Result): Promise<void> {
    try {
      await this.#remember(list, attachment, result);
    } catch (error) {
      this.#warn(`cannot remember what a failed ADD has made: ${reasonOf(error)}`);
    }
  }
}

/** The error of one plugin of a list. */
function named(
  plugin: PluginConfig,
  { named }: ChainCall,
  what: { command: Command; verb: string },
  error: unknown,
): unknown {
  return named ? chainError(plugin, what, error) : error;
}

/** A version that is no text counts as none: the configuration's is taken. */
function unlabelled(json: unknown): unknown {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return json;
  const { cniVersion } = json as { cniVersion?: unknown };
  return typeof cniVersion === "string" ? json : { ...json, cniVersion: "" };
}
