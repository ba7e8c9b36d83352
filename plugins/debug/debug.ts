/** Stands in a chain, records what it is given, and waits or fails on demand: for tests of chains and runtimes. */

import { CniError, ErrorCode } from "../../pkg/cni/error.ts";
import type { Context } from "../../pkg/skel/context.ts";
import type { Verb } from "../../pkg/skel/environment.ts";
import { definePlugin } from "../../pkg/skel/plugin.ts";
import { Poll, poll } from "../../pkg/sys/poll.ts";
import { type DebugConfig, debugEntries, delayOf, failsOn } from "./config.ts";
import { runHooks } from "./hooks.ts";
import { record } from "./record.ts";

export const debug = definePlugin({
  name: "debug",
  config: debugEntries,

  add(context) {
    act(context, "ADD");
    return context.prevResult ?? {};
  },
  check: (context) => act(context, "CHECK"),
  del: (context) => act(context, "DEL"),
  gc: (context) => act(context, "GC"),
  status: (context) => act(context, "STATUS"),
});

function act(context: Context<DebugConfig>, verb: Verb): void {
  record(context, verb);
  runHooks(context, verb);
  wait(context, verb);
  const { config } = context;
  if (!failsOn(config, verb)) return;
  const message = config.errorMessage || `debug: "failOn" has ${verb}`;
  throw new CniError(config.errorCode, message, config.errorDetails);
}

/** Waits as long as configured. As with any plugin, ADD and CHECK can be interrupted and DEL cannot. */
function wait({ config, cancelFd }: Context<DebugConfig>, verb: Verb): void {
  const ms = delayOf(config, verb);
  if (ms === 0) return;
  const fd = verb === "DEL" || verb === "GC" ? -1 : cancelFd;
  const [interrupted] = poll([{ fd, events: Poll.in }], ms);
  if (interrupted) throw new CniError(ErrorCode.tryAgainLater, "interrupted while waiting");
}
