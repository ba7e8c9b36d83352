/** Programs that look around while the plugin is at work, inside the container's namespace where there is one. */

import type { Context } from "../../pkg/skel/context.ts";
import type { Verb } from "../../pkg/skel/environment.ts";
import { errnoText } from "../../pkg/sys/errno.ts";
import { type SpawnResult, spawn } from "../../pkg/sys/process.ts";
import { tryStat } from "../../pkg/sys/statx.ts";
import { decode, encode } from "../../pkg/sys/text.ts";
import { type DebugConfig, hooksFor } from "./config.ts";

/** Runs the verb's hooks. What they print, and how they failed, goes to stderr: they never fail the verb. */
export function runHooks(context: Context<DebugConfig>, verb: Verb): void {
  const hooks = hooksFor(context.config, verb);
  if (hooks.length === 0) return;
  const inHost = verb === "GC" || verb === "STATUS";
  const namespace = inHost ? context.host : context.findContainer();
  if (namespace === undefined) {
    context.log(`hooks not run: no namespace at "${context.netns}"`);
    return;
  }
  namespace.run(() => {
    for (const argv of hooks) runHook(context, argv);
  });
}

function runHook(
  { env, stdin, cancelFd, log }: Context<DebugConfig>,
  argv: readonly string[],
): void {
  const result = spawn({
    path: findProgram(argv[0] ?? "", env.PATH),
    argv: [...argv],
    env: { ...env },
    stdin: encode(stdin),
    deadlineMs: 0,
    cancelFd,
  });
  for (const output of [result.stdout, result.stderr]) {
    if (output.length > 0) log(decode(output));
  }
  const failure = failureOf(result);
  if (failure !== undefined) log(`hook ${JSON.stringify(argv)} failed: ${failure}`);
}

function failureOf({ error, status, signal, cancelled }: SpawnResult): string | undefined {
  if (error !== 0) return errnoText(error);
  if (cancelled) return "interrupted";
  if (signal !== 0) return `ended by signal ${signal}`;
  return status === 0 ? undefined : `exit status ${status}`;
}

/** The file a shell would run; a name that is nowhere stays as it is, and starting it says so. */
function findProgram(name: string, path = "/usr/sbin:/usr/bin:/sbin:/bin"): string {
  if (name.includes("/")) return name;
  const candidates = path.split(":").map((directory) => `${directory || "."}/${name}`);
  return candidates.find((candidate) => tryStat(candidate)?.isFile) ?? name;
}
