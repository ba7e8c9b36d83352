/** libcni for container runtimes: finds network configurations and attaches containers to them. */

import { goQuote } from "../pkg/cni/quote.ts";
import type { Result } from "../pkg/cni/result.ts";
import { defaultVersion } from "../pkg/cni/version.ts";
import { type Attachment, type AttachmentId, checkAttachment } from "./attachment.ts";
import { Cache, type CachedAttachment } from "./cache.ts";
import { Chain, type ChainCall } from "./chain.ts";
import { type NetworkList, type PluginConfig, parseEither, reasonOf, toList } from "./config.ts";
import { type Candidate, findNetwork, listNetworks, loadFile } from "./load.ts";
import type { Cancellation, Executor, Lock, Machine } from "./machine.ts";
import { Queues } from "./queues.ts";
import { type Deadline, type ExecEvent, Runner, readVersions } from "./runner.ts";

export interface LibcniOptions {
  /** Where the plugins' executables are: CNI_PATH. */
  readonly pluginDirs: readonly string[];
  /** Where attachments are remembered; /var/lib/cni unless given. */
  readonly cacheDir?: string;
  /** Runs the plugins, instead of starting processes. */
  readonly exec?: Executor;
  /** Takes what a plugin wrote to stderr, also when it failed; the process's own stderr unless given. */
  readonly onStderr?: (text: string, type: string) => void;
  /** Told of each call of a plugin when it has ended. */
  readonly onExec?: (event: ExecEvent) => void;
  /** Told what went wrong without stopping anything. */
  readonly onWarning?: (message: string) => void;
}

export interface CallOptions {
  /** For all plugins together; those still running are killed. */
  readonly timeoutMs?: number;
  /** Ends the call early: an AbortSignal. */
  readonly signal?: Cancellation;
  /** ADD: when it fails, or is ended early, DEL follows with this deadline of its own. Without it DEL is the caller's. */
  readonly cleanUpTimeoutMs?: number;
  /** Further variables for the plugins, such as TRACEPARENT. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What GC is to keep. */
export interface GcOptions extends CallOptions {
  /**
   * Without it every remembered attachment of the network is deleted, as the reference has it. A function is asked once
   * no other call is under way: what it finds is true as long as the collection lasts.
   */
  readonly validAttachments?: readonly AttachmentId[] | (() => Promise<readonly AttachmentId[]>);
}

const defaultCacheDir = "/var/lib/cni";
/** A file's time is that of the kernel's last tick: this much earlier, at most, than the clock said. */
const clockTickMs = 20;

/**
 * Calls for one container follow each other, those of different containers run side by side, and GC runs alone: also
 * beside other processes where the machine has locks for that.
 */
export class Libcni {
  readonly #machine: Machine;
  readonly #cache: Cache;
  readonly #runner: Runner;
  readonly #chain: Chain;
  readonly #warn: (message: string) => void;
  readonly #queues = new Queues();
  readonly #versions = new Map<string, readonly string[]>();

  constructor(options: LibcniOptions, machine: Machine) {
    const { pluginDirs, cacheDir = defaultCacheDir, exec = machine.exec, onExec } = options;
    this.#machine = machine;
    this.#warn = options.onWarning ?? ((message) => machine.writeStderr(`libcni: ${message}\n`));
    const onStderr = options.onStderr ?? ((text: string) => machine.writeStderr(text));
    this.#runner = new Runner({ machine, exec, pluginDirs, onStderr, onExec });
    this.#cache = new Cache(machine, cacheDir);
    this.#chain = new Chain(this.#runner, this.#cache, this.#warn);
  }

  /** The network of that name in a configuration directory. */
  load(network: string, directory: string): Promise<NetworkList> {
    return findNetwork(this.#machine, network, directory);
  }

  /** A network from its file. */
  loadFile(file: string): Promise<NetworkList> {
    return loadFile(this.#machine, file);
  }

  /** Every configuration file of a directory: its network, or why there is none in it. */
  list(directory: string): Promise<Candidate[]> {
    return listNetworks(this.#machine, directory);
  }

  /** Attaches a container. The result is in the last plugin's version. */
  add(list: NetworkList, attachment: Attachment, options: CallOptions = {}): Promise<Result> {
    return this.#add(list, attachment, options, true);
  }

  /** Proves that an attachment is as ADD left it. */
  check(list: NetworkList, attachment: Attachment, options: CallOptions = {}): Promise<void> {
    return this.#beside(attachment, options, (deadline) =>
      this.#chain.check(list, attachment, { ...callOf(options, deadline), named: true }),
    );
  }

  /** Detaches a container; what is gone already is no error. */
  del(list: NetworkList, attachment: Attachment, options: CallOptions = {}): Promise<void> {
    return this.#beside(attachment, options, (deadline) =>
      this.#chain.del(list, attachment, { ...callOf(options, deadline), named: true }),
    );
  }

  /** As `add`, for a configuration of one plugin by its own name and version; errors come as the plugin gave them. */
  addPlugin(plugin: PluginConfig, attachment: Attachment, options: CallOptions = {}) {
    return this.#add(toList(plugin), attachment, options, false);
  }

  /** As `check`, for a configuration of one plugin. */
  checkPlugin(plugin: PluginConfig, attachment: Attachment, options: CallOptions = {}) {
    return this.check(toList(plugin), attachment, options);
  }

  /** As `del`, for a configuration of one plugin. */
  delPlugin(plugin: PluginConfig, attachment: Attachment, options: CallOptions = {}) {
    return this.#beside(attachment, options, (deadline) =>
      this.#chain.del(toList(plugin), attachment, { ...callOf(options, deadline), named: false }),
    );
  }

  /**
   * Deletes the network's attachments that are not valid and has its plugins remove what belongs to none. Waits for
   * calls that are under way; what they attach meanwhile stays.
   */
  async gc(list: NetworkList, options: GcOptions = {}): Promise<void> {
    const deadline = this.#deadline(options);
    const asked = this.#machine.realtimeMs();
    const lock = await this.#lock(false, deadline);
    const sinceMs = lock.waited ? asked - clockTickMs : Number.POSITIVE_INFINITY;
    try {
      const call = { ...callOf(options, deadline), named: true };
      const { validAttachments: given } = options;
      const valid = typeof given === "function" ? await given() : given;
      await this.#chain.gc(list, { valid, sinceMs }, call);
    } finally {
      lock.release();
    }
  }

  /** The remembered attachments that `gc` would delete. */
  async staleAttachments(
    list: NetworkList,
    validAttachments: readonly AttachmentId[] = [],
  ): Promise<CachedAttachment[]> {
    const sinceMs = Number.POSITIVE_INFINITY;
    return (await this.#chain.stale(list.name, { valid: validAttachments, sinceMs })).stale;
  }

  /** Throws where an ADD could not be served; the error's code says more (50, 51). */
  status(list: NetworkList, options: CallOptions = {}): Promise<void> {
    const call = { ...callOf(options, this.#deadline(options)), named: true };
    return this.#chain.status(list, call);
  }

  /**
   * Puts back the rules of a remembered attachment, by the configuration it was made with, after somebody emptied the host's
   * packet filter. Neither links nor addresses are touched. The value names plugins that do not know how.
   */
  reload(attachment: CachedAttachment, options: CallOptions = {}): Promise<string[]> {
    return this.#beside(attachment, options, (deadline) => {
      const list = parseEither(attachment.config);
      return this.#chain.reload(list, attachment, { ...callOf(options, deadline), named: true });
    });
  }

  /** The spec versions a plugin speaks. It is asked once, and again when its executable has changed. */
  async versions(type: string, options: CallOptions = {}): Promise<readonly string[]> {
    const path = await this.#runner.find(type);
    const key = `${path} ${(await this.#machine.stat(path))?.identity}`;
    const known = this.#versions.get(key) ?? (await this.#probe(type, options));
    this.#versions.set(key, known);
    return known;
  }

  /** Proves that every plugin is there and speaks the list's version; the value is the capabilities they declare. */
  async validate(list: NetworkList, options: CallOptions = {}): Promise<string[]> {
    const version = list.cniVersion || defaultVersion;
    const failures: string[] = [];
    for (const { type } of list.plugins) {
      try {
        if (!(await this.versions(type, options)).includes(version)) {
          failures.push(`plugin ${type} does not support config version ${goQuote(version)}`);
        }
      } catch (error) {
        failures.push(reasonOf(error));
      }
    }
    if (failures.length > 0) throw new Error(`[${failures.join(" ")}]`);
    const enabled = list.plugins.flatMap(({ capabilities }) =>
      Object.keys(capabilities).filter((name) => capabilities[name] === true),
    );
    return [...new Set(enabled)];
  }

  /** The attachments that are remembered, of one container or of all. */
  cachedAttachments(containerId = ""): Promise<CachedAttachment[]> {
    return this.#cache.list(containerId);
  }

  /** What is remembered of an attachment. */
  cachedAttachment(network: string, id: AttachmentId): Promise<CachedAttachment | undefined> {
    checkAttachment(network, id);
    return this.#cache.find(network, id);
  }

  #add(list: NetworkList, attachment: Attachment, options: CallOptions, named: boolean) {
    return this.#beside(attachment, options, async (deadline) => {
      const call = { ...callOf(options, deadline), named };
      try {
        return await this.#chain.add(list, attachment, call);
      } catch (error) {
        if (options.cleanUpTimeoutMs !== undefined) {
          await this.#cleanUp(list, attachment, options);
        }
        throw error;
      }
    });
  }

  /** The caller's own deadline has passed, perhaps: this has another, and no signal ends it. */
  async #cleanUp(list: NetworkList, attachment: Attachment, options: CallOptions): Promise<void> {
    const { env, cleanUpTimeoutMs: timeoutMs = 0 } = options;
    const deadline = this.#deadline({ timeoutMs });
    try {
      await this.#chain.del(list, attachment, { deadline, env, named: true });
    } catch (error) {
      this.#warn(`cannot clean up after a failed ADD: ${reasonOf(error)}`);
    }
  }

  async #probe(type: string, options: CallOptions): Promise<readonly string[]> {
    const word = "dummy";
    try {
      const stdout = await this.#runner.run({
        type,
        command: "VERSION",
        netns: word,
        ifName: word,
        path: word,
        stdin: `{"cniVersion":"1.1.0"}`,
        ...callOf(options, this.#deadline(options)),
      });
      return readVersions(stdout);
    } catch (error) {
      // Plugins from before the verb.
      if (reasonOf(error) === "unknown CNI_COMMAND: VERSION") return [defaultVersion];
      throw error;
    }
  }

  /** Runs a call after those of the same container, beside those of others, never beside GC. */
  #beside<T>(
    { containerId }: AttachmentId,
    options: CallOptions,
    work: (deadline: Deadline) => Promise<T>,
  ): Promise<T> {
    const deadline = this.#deadline(options);
    const { signal } = options;
    const patience = (before: Promise<void>) =>
      this.#machine.waitFor(before, { timeoutMs: this.#left(deadline), signal });
    return this.#queues.run(containerId, patience, async () => {
      const lock = await this.#lock(true, deadline);
      try {
        return await work(deadline);
      } finally {
        lock.release();
      }
    });
  }

  /** Where nothing can be locked, nothing can be remembered either, and ADD says so itself. */
  #lock(shared: boolean, deadline: Deadline): Promise<Lock> {
    const { signal } = deadline;
    const timeoutMs = this.#left(deadline);
    return this.#machine.lock(this.#cache.directory, { shared, timeoutMs, signal });
  }

  #left({ atMs }: Deadline): number {
    return atMs - this.#machine.monotonicMs();
  }

  #deadline({ timeoutMs = Number.POSITIVE_INFINITY, signal }: CallOptions): Deadline {
    return { atMs: this.#machine.monotonicMs() + timeoutMs, timeoutMs, signal };
  }
}

function callOf({ env }: CallOptions, deadline: Deadline): Omit<ChainCall, "named"> {
  return { deadline, env };
}
