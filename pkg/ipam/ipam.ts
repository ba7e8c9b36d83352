/** The delegated IPAM plugin: found, run and understood (CNI spec 1.1.0, section 4). */

import { CniError, ErrorCode } from "../cni/error.ts";
import { decodeJson } from "../cni/json.ts";
import { type Result, readResult } from "../cni/result.ts";
import { isOfThisBuild } from "../invoke/build-mark.ts";
import { execPlugin, InterruptedError } from "../invoke/exec.ts";
import { findPlugin } from "../invoke/find.ts";
import { splitPath } from "../invoke/lookup.ts";
import { observer, traced } from "../sys/trace.ts";

export type IpamVerb = "ADD" | "CHECK" | "DEL" | "GC" | "STATUS";

/**
 * A plugin of this suite called in process: does what its executable would with the environment and the configuration
 * at hand, returns the result that would print, and throws what that would print as an error.
 */
export type InProcess = (verb: IpamVerb) => Result | undefined;

/** What a delegation hands on: everything the plugin itself was given. */
export interface Delegation {
  /** `ipam.type`; empty where the configuration has no IPAM. */
  readonly type: string;
  readonly env: Readonly<Record<string, string>>;
  /** The whole configuration, byte for byte as it came. */
  readonly stdin: string;
  readonly cniVersion: string;
  /** IPAM plugins built into this executable, by type. */
  readonly builtIn: Readonly<Record<string, InProcess>>;
  /** Readable means: the runtime wants us gone; -1 for none. */
  readonly cancelFd: number;
  readonly onStderr: (text: string) => void;
}

/** The plugin that CNI_PATH leads to, and where it is of this build the function to call. */
interface Found {
  readonly path: string;
  readonly call: InProcess | undefined;
}

/** The addresses, routes and DNS servers an IPAM plugin gives to one attachment. */
export class Ipam {
  readonly #delegation: Delegation;
  #plugin: Found | undefined;

  constructor(delegation: Delegation) {
    this.#delegation = delegation;
  }

  /** False where the configuration has no `ipam.type`: every verb is then a no-op and `add` gives nothing. */
  get configured(): boolean {
    return this.#delegation.type !== "";
  }

  /** Whether it speaks through the container's interface, which it needs for DEL, too. */
  get usesInterface(): boolean {
    return this.#delegation.type === "dhcp";
  }

  /**
   * Asks for addresses, and tells `rollback` how to release them: before the plugin is asked, as it may die when it
   * has reserved already. One that answers with an error has taken back what it did, and may have refused because
   * the attachment lives. Throws the plugin's error, code 11 where the runtime wanted the call to end.
   */
  add(rollback: (step: () => void) => void): Result {
    const { cniVersion } = this.#delegation;
    if (!this.configured) return { cniVersion };
    let hasRefused = false;
    rollback(() => {
      if (!hasRefused) this.del();
    });
    let reply: unknown;
    try {
      reply = this.#run("ADD");
    } catch (error) {
      if (error instanceof InterruptedError) {
        throw new CniError(ErrorCode.tryAgainLater, error.message);
      }
      // One that died or printed nonsense throws no CniError; one that was not found did nothing.
      hasRefused = this.#plugin?.path === undefined || error instanceof CniError;
      throw error;
    }
    if (this.#plugin?.call !== undefined) return reply as Result;
    return readResult(reply ?? {}, cniVersion);
  }

  check(): void {
    this.#runIfConfigured("CHECK");
  }

  del(): void {
    this.#runIfConfigured("DEL");
  }

  gc(): void {
    this.#runIfConfigured("GC");
  }

  status(): void {
    this.#runIfConfigured("STATUS");
  }

  #runIfConfigured(verb: IpamVerb): void {
    if (this.configured) this.#run(verb);
  }

  /** What CNI_PATH finds decides: an operator who puts another host-local there gets that one. */
  #find(): Found {
    if (this.#plugin !== undefined) return this.#plugin;
    const { type, builtIn, env } = this.#delegation;
    const path = findPlugin(type, splitPath(env.CNI_PATH ?? ""));
    const call = Object.hasOwn(builtIn, type) && isOfThisBuild(path) ? builtIn[type] : undefined;
    this.#plugin = { path, call };
    return this.#plugin;
  }

  /** What the plugin printed, decoded; of one called in process, its result. */
  #run(verb: IpamVerb): unknown {
    const { type, stdin, cancelFd, onStderr } = this.#delegation;
    const { path, call } = this.#find();
    if (call !== undefined) {
      if (observer === undefined) return call(verb);
      return traced("call", "call", `${type} ${verb}`, () => call(verb));
    }
    const env = { ...this.#delegation.env, CNI_COMMAND: verb };
    // Only a wait on the way in may be cut short; releasing must come to its end.
    const interruptible = verb === "DEL" || verb === "GC" ? -1 : cancelFd;
    const stdout = execPlugin({ path, env, stdin, cancelFd: interruptible }, onStderr);
    return verb === "ADD" ? decodeReply(stdout) : undefined;
  }
}

/** An ADD's output; `null` counts as an empty result, a missing version as the configuration's. */
function decodeReply(stdout: string): unknown {
  try {
    return decodeJson(stdout);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`failed to unmarshal raw result: ${reason}`);
  }
}
