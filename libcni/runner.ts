/** Finds plugins and runs them, one call at a time, and understands how they end. */

import { CniError, ErrorCode, errorText, toCniError } from "../pkg/cni/error.ts";
import { decodeJson } from "../pkg/cni/json.ts";
import { goQuote } from "../pkg/cni/quote.ts";
import { candidatePaths, notFound } from "../pkg/invoke/lookup.ts";
import {
  busyAttempts,
  busyPauseMs,
  exitText,
  pluginError,
  readError,
} from "../pkg/invoke/outcome.ts";
import { Errno, errnoText } from "../pkg/sys/errno.ts";
import type { Cancellation, ExecOutcome, Executor, Machine } from "./machine.ts";

/** The verbs of the specification, and one of this suite's own. */
export type Command = "ADD" | "CHECK" | "DEL" | "GC" | "STATUS" | "VERSION" | "RELOAD";

/** When a call must have ended, and who may end it earlier. */
export interface Deadline {
  /** On the machine's monotonic clock; Infinity for never. */
  readonly atMs: number;
  /** As it was asked for, for messages. */
  readonly timeoutMs: number;
  readonly signal: Cancellation | undefined;
}

/** One call of a plugin. Variables that are left out are empty, but set. */
export interface PluginCall {
  readonly type: string;
  readonly command: Command;
  readonly containerId?: string;
  readonly netns?: string;
  readonly ifName?: string;
  readonly args?: string;
  /** CNI_PATH, where it is not the search path. */
  readonly path?: string;
  readonly stdin: string;
  /** Further variables, such as TRACEPARENT. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly deadline: Deadline;
}

/** What `onExec` is told of each call, for logs, metrics and traces. */
export interface ExecEvent {
  readonly type: string;
  readonly command: Command;
  readonly containerId: string;
  readonly ifName: string;
  readonly durationMs: number;
  readonly stderr: string;
  /** Why it failed; undefined where it did not. */
  readonly error: Error | undefined;
}

/** A call that failed: which plugin, on which verb, with the code and details of its error object. */
export class PluginError extends Error {
  override readonly name = "PluginError";
  readonly type: string;
  readonly command: Command;
  /** Of the specification; 999 where the plugin gave none. */
  readonly code: number;
  readonly details: string | undefined;

  constructor(message: string, call: Pick<PluginCall, "type" | "command">, cause: unknown) {
    super(message, { cause });
    const { code, details } = cause instanceof PluginError ? cause : toCniError(cause);
    this.type = call.type;
    this.command = call.command;
    this.code = code;
    this.details = details;
  }
}

export interface RunnerOptions {
  readonly machine: Machine;
  readonly exec: Executor;
  readonly pluginDirs: readonly string[];
  readonly onStderr: (text: string, type: string) => void;
  readonly onExec: ((event: ExecEvent) => void) | undefined;
}

export class Runner {
  readonly #options: RunnerOptions;

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  /** The path of a type's executable. */
  async find(type: string): Promise<string> {
    const { machine, pluginDirs } = this.#options;
    for (const path of candidatePaths(type, pluginDirs)) {
      if ((await machine.stat(path))?.isFile === true) return path;
    }
    throw notFound(type, pluginDirs);
  }

  /** Runs a plugin and returns what it printed. Throws PluginError. */
  async run(call: PluginCall): Promise<string> {
    const { machine, onExec } = this.#options;
    const began = machine.monotonicMs();
    let stderr = "";
    const told = (error: Error | undefined) => {
      const { type, command, containerId = "", ifName = "" } = call;
      const durationMs = machine.monotonicMs() - began;
      onExec?.({ type, command, containerId, ifName, durationMs, stderr, error });
    };
    try {
      const path = await this.find(call.type);
      const outcome = await this.#runPatiently(path, call);
      stderr = outcome.stderr;
      if (stderr !== "") this.#options.onStderr(stderr, call.type);
      const stdout = outputOf(path, call, outcome);
      told(undefined);
      return stdout;
    } catch (error) {
      const failure = new PluginError(errorText(toCniError(error)), call, error);
      told(failure);
      throw failure;
    }
  }

  /** A busy executable is being replaced: a fresh process tries again, until the deadline or the last attempt. */
  async #runPatiently(path: string, call: PluginCall): Promise<ExecOutcome> {
    const { machine, exec } = this.#options;
    const { atMs, signal } = call.deadline;
    const env = { ...machine.environment(), ...call.env, ...this.#variables(call) };
    for (let tries = 1; ; tries++) {
      const timeoutMs = atMs - machine.monotonicMs();
      if (signal?.aborted === true) throw new Interruption(path);
      if (timeoutMs <= 0) throw late(path, call.deadline);
      const outcome = await exec({ path, env, stdin: call.stdin, timeoutMs, signal });
      if (outcome.error !== Errno.ETXTBSY || tries === busyAttempts) return outcome;
      if (timeoutMs <= busyPauseMs) return outcome;
      await machine.sleep(busyPauseMs);
    }
  }

  #variables({ command, containerId, netns, args, ifName, path }: PluginCall) {
    return {
      CNI_COMMAND: command,
      CNI_CONTAINERID: containerId ?? "",
      CNI_NETNS: netns ?? "",
      CNI_ARGS: args ?? "",
      CNI_IFNAME: ifName ?? "",
      CNI_PATH: path ?? this.#options.pluginDirs.join(":"),
    };
  }
}

function outputOf(path: string, call: PluginCall, outcome: ExecOutcome): string {
  const { error, status, signal, stdout } = outcome;
  if (error !== 0) throw new Error(`fork/exec ${path}: ${errnoText(error)}`);
  if (outcome.cancelled) throw new Interruption(path);
  if (outcome.timedOut) throw late(path, call.deadline);
  if (status !== 0 || signal !== 0) throw pluginError(outcome, exitText(outcome));
  if (call.command === "ADD") refuseErrorObject(stdout);
  return stdout;
}

/** A script that forgets its exit status says by its output that it failed: the network is not there. */
function refuseErrorObject(stdout: string): void {
  let json: unknown;
  try {
    json = decodeJson(stdout);
  } catch {
    return; // whoever reads the result tells what is wrong with it
  }
  if (typeof json !== "object" || json === null) return;
  if ("code" in json && "msg" in json && json.code !== 0) throw readError(json);
}

/** Whoever asked for the call wants it to end. */
class Interruption extends CniError {
  constructor(path: string) {
    super(ErrorCode.tryAgainLater, `interrupted while ${path} was running`);
  }
}

/** Whether a call was ended by whoever asked for it: nothing more is to be begun then. */
export function isInterruption(error: unknown): boolean {
  if (error instanceof Interruption) return true;
  return error instanceof Error && error.cause !== undefined && isInterruption(error.cause);
}

function late(path: string, { timeoutMs }: Deadline): Error {
  return new Error(`${path} did not end within ${timeoutMs} ms`);
}

/** The versions a plugin's answer to VERSION lists. */
export function readVersions(stdout: string): string[] {
  let json: unknown;
  try {
    json = decodeJson(stdout);
  } catch (error) {
    throw new Error(`decoding version info: ${toCniError(error).message}`);
  }
  const { cniVersion, supportedVersions } = (json ?? {}) as Record<string, unknown>;
  if (typeof cniVersion !== "string" || cniVersion === "") {
    throw new Error("decoding version info: missing field cniVersion");
  }
  if (Array.isArray(supportedVersions) && supportedVersions.length > 0) {
    return supportedVersions.map(String);
  }
  if (cniVersion === "0.2.0") return ["0.1.0", "0.2.0"];
  throw new Error("decoding version info: missing field supportedVersions");
}

/** Which plugin failed on what: ` name="N"` only where its configuration has a name of its own. */
export function chainError(
  plugin: { readonly type: string; readonly name: string },
  { command, verb }: { command: Command; verb: string },
  cause: unknown,
): PluginError {
  const named = plugin.name === "" ? "" : ` name=${goQuote(plugin.name)}`;
  const reason = errorText(toCniError(cause));
  const message = `plugin type=${goQuote(plugin.type)}${named} failed (${verb}): ${reason}`;
  return new PluginError(message, { type: plugin.type, command }, cause);
}
