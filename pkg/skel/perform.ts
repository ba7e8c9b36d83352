/**
 * One call of a plugin, from its environment and stdin to what it prints. The order of the steps is the
 * protocol's: variables, stdin, configuration, version gate, own-namespace check, then the plugin's verb.
 */

import { parseCniArgs } from "../cni/args.ts";
import { CniError, ErrorCode, toCniError } from "../cni/error.ts";
import { printShape, type Result, readShape, shapeResult } from "../cni/result.ts";
import { checkVerb, versionReply } from "../cni/version.ts";
import { type InProcess, Ipam } from "../ipam/ipam.ts";
import { processId } from "../sys/process.ts";
import { TraceSink, traceCall } from "../trace/trace.ts";
import { readConfig } from "./config.ts";
import { type Context, makeContext } from "./context.ts";
import { type AnyVerb, type Invocation, isVerb, readInvocation } from "./environment.ts";
import { attachmentsOf, type Head, prevResultOf, readHead, traceIn } from "./head.ts";
import type { CommonConfig, Plugin } from "./plugin.ts";

/** What surrounds a call: the process's own edges, or those of the plugin that delegates in process. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string>>;
  /** Reads the configuration to its end; never called for VERSION. */
  readonly readStdin: () => string;
  /** IPAM plugins built into this executable. */
  readonly builtIn: readonly Plugin[];
  /**
   * What becomes readable when the runtime wants the call to end; -1 for none, as before the configuration is read. Asked
   * anew each time: a copy of these would keep what it was.
   */
  readonly cancelFd: () => number;
  /** Throws if the runtime wants the call to end. */
  readonly checkInterrupted: () => void;
  /** Hands the output over; throws if nobody takes it, and ADD is taken back then. */
  readonly print: (stdout: string) => void;
  readonly log: (line: string) => void;
  /** The delegating plugin has compared the namespaces already. */
  readonly netnsChecked: boolean;
  /** Takes ADD's result instead of having it printed: the object that would be. */
  readonly handOver?: (shape: object) => void;
  /** Where the delegating plugin's operations are told. */
  readonly trace?: TraceSink;
}

type Call = Context<CommonConfig>;

/** Performs the verb and prints its output. Throws CniError, or whatever the plugin threw. */
export function perform(plugin: Plugin, around: Surroundings): void {
  const invocation = readInvocation(around.env);
  const { command } = invocation;
  if (command === "VERSION") {
    around.print(versionReply(plugin.versions));
    return;
  }
  performChecked(plugin, invocation, readHead(readStdin(around)), around);
}

function performChecked(
  plugin: Plugin,
  invocation: Invocation,
  head: Head,
  around: Surroundings,
): void {
  if (tracePath(head, around) === "") performVerb(plugin, invocation, head, around);
  else performTraced(plugin, invocation, head, around);
}

function performVerb(
  plugin: Plugin,
  invocation: Invocation,
  head: Head,
  around: Surroundings,
): void {
  const { command } = invocation;
  if (!isVerb(command)) {
    throw new CniError(ErrorCode.invalidEnvironment, `unknown CNI_COMMAND: ${command}`);
  }
  checkVerb(command, head.cniVersion, plugin.versions);
  const releases = command === "DEL" || command === "GC";
  const config = readConfig(releases ? plugin.releaseSchema : plugin.schema, head.json);
  using context = makeContext({
    config,
    network: head.name,
    cniVersion: head.cniVersion,
    containerId: invocation.containerId,
    ifName: invocation.ifName,
    netns: invocation.netns,
    cniArgs: readArgs(plugin, invocation, command),
    prevResult: prevResultOf(head, command, around.log),
    validAttachments: (command === "GC" ? attachmentsOf(head) : undefined) ?? [],
    ipam: ipamOf(config, { invocation, head }, around),
    log: around.log,
    cancelFd: around.cancelFd(),
    env: around.env,
    stdin: head.stdin,
  });
  if (command === "ADD" || command === "DEL") refuseOwnNamespace(invocation, context, around);
  if (command === "ADD") add(plugin, context, around);
  else if (command === "GC" && attachmentsOf(head) === undefined) {
    around.log(`GC without "cni.dev/valid-attachments" cannot tell what is valid: nothing removed`);
  } else {
    plugin.verbs[command](context);
    context.finishAttempts();
  }
}

/** Performs the verb and tells the trace; a plugin called in process tells its part to the caller's. */
function performTraced(
  plugin: Plugin,
  invocation: Invocation,
  head: Head,
  around: Surroundings,
): void {
  const { command: verb, containerId, ifName } = invocation;
  const names = { plugin: plugin.name, verb, network: head.name, containerId, ifName };
  const perform = (trace: TraceSink) =>
    traceCall(trace, { pid: processId(), ...names }, around.env.TRACEPARENT, () =>
      performVerb(plugin, invocation, head, { ...around, trace }),
    );
  if (around.trace === undefined) {
    using own = new TraceSink(tracePath(head, around), around.log);
    perform(own);
  } else {
    perform(around.trace);
  }
}

/** Where this call is to be traced: the runtime's word, else the configuration's; empty for nowhere. */
function tracePath(head: Head, { env }: Surroundings): string {
  return env.CNI_TRACE || traceIn(head);
}

function add(plugin: Plugin, context: Call, around: Surroundings): void {
  const { cniVersion, undo, log } = context;
  try {
    const result = plugin.verbs.ADD(context);
    const shape = shapeResult(result, cniVersion);
    around.checkInterrupted();
    if (around.handOver !== undefined) around.handOver(shape);
    else around.print(printShape(shape));
  } catch (error) {
    for (const failure of undo.run()) {
      log(`cannot take back a failed ADD: ${toCniError(failure).message}`);
    }
    throw error;
  }
}

function readStdin({ readStdin }: Surroundings): string {
  try {
    return readStdin();
  } catch (error) {
    const reason = toCniError(error).message;
    throw new CniError(ErrorCode.ioFailure, `error reading from stdin: ${reason}`);
  }
}

function readArgs(plugin: Plugin, { args }: Invocation, verb: AnyVerb): Record<string, string> {
  // No DEL goes by them: a mistake in them must not keep a container from going.
  const areRead = verb === "ADD" || verb === "CHECK";
  return areRead && plugin.cniArgs !== undefined ? parseCniArgs(args, plugin.cniArgs) : {};
}

/** A call, read and checked. */
interface Checked {
  readonly invocation: Invocation;
  readonly head: Head;
}

function ipamOf(config: CommonConfig, checked: Checked, around: Surroundings): Ipam {
  const type = config.ipam?.type ?? "";
  const plugin = around.builtIn.find(({ name }) => name === type);
  return new Ipam({
    type,
    env: around.env,
    stdin: checked.head.stdin,
    cniVersion: checked.head.cniVersion,
    builtIn: plugin === undefined ? {} : { [type]: inProcess(plugin, checked, around) },
    cancelFd: around.cancelFd(),
    onStderr: around.log,
  });
}

/**
 * The plugin as a function with the same inputs, outputs and errors as its executable. What has been read and
 * checked for the delegating plugin need not be again: but for the verb it is the same.
 */
function inProcess(plugin: Plugin, { invocation, head }: Checked, outer: Surroundings): InProcess {
  return (verb) => {
    let result: Result | undefined;
    const handOver = (shape: object) => {
      result = readShape(shape, head.cniVersion);
    };
    const { command } = invocation;
    const env = verb === command ? outer.env : { ...outer.env, CNI_COMMAND: verb };
    const around = { ...outer, env, handOver, builtIn: [], netnsChecked: true };
    try {
      performChecked(plugin, { ...invocation, command: verb }, head, around);
    } catch (error) {
      throw toCniError(error);
    }
    return result;
  };
}

/**
 * A plugin must not work on the namespace it runs in: checked before anything is touched. A path that leads
 * nowhere passes; the verb decides what that means.
 */
function refuseOwnNamespace(
  { netns, allowOwnNetns }: Invocation,
  context: Call,
  { netnsChecked }: Surroundings,
): void {
  if (netnsChecked || allowOwnNetns || netns === "") return;
  if (context.findContainer()?.isSame(context.host) !== true) return;
  throw new CniError(
    ErrorCode.invalidNetns,
    "plugin's netns and netns from CNI_NETNS should not be the same",
  );
}
