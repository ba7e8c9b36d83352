/** Runs a plugin's executable and understands what it says (CNI spec 1.1.0, section 5). */

import { monotonicMs, sleepMs } from "../sys/clock.ts";
import { Errno, errnoText } from "../sys/errno.ts";
import { type SpawnResult, spawn } from "../sys/process.ts";
import { decode, encode } from "../sys/text.ts";
import { busyAttempts, busyPauseMs, exitText, pluginError } from "./outcome.ts";

/** One run of a plugin's executable. */
export interface PluginRun {
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
  /** Readable means: kill the plugin and give up; -1 for none. */
  readonly cancelFd?: number;
  /** Milliseconds after which the plugin is killed; none by default, as the runtime has a deadline of its own. */
  readonly deadlineMs?: number;
}

/**
 * Runs the plugin to its end. Throws the plugin's own error object where it printed one, else an error that
 * tells how it ended, in the reference's words. What it wrote to stderr is handed to `onStderr` either way.
 */
export function execPlugin(run: PluginRun, onStderr: (text: string) => void): string {
  const result = spawnPatiently(run);
  if (result.error !== 0) {
    throw new Error(`fork/exec ${run.path}: ${errnoText(result.error)}`);
  }
  const stderr = decode(result.stderr);
  if (stderr !== "") onStderr(stderr);
  const stdout = decode(result.stdout);
  if (result.cancelled) {
    throw new InterruptedError(`interrupted while ${run.path} was running`);
  }
  if (result.timedOut) throw new Error(`${run.path} did not end within ${run.deadlineMs} ms`);
  if (result.status === 0 && result.signal === 0) return stdout;
  throw pluginError({ stdout, stderr }, exitText(result));
}

/** The plugin was killed because the runtime wanted the call to end. */
export class InterruptedError extends Error {
  override readonly name = "InterruptedError";
}

function spawnPatiently(run: PluginRun): SpawnResult {
  const stdin = encode(run.stdin);
  const end =
    run.deadlineMs === undefined ? Number.POSITIVE_INFINITY : monotonicMs() + run.deadlineMs;
  for (let tries = 1; ; tries++) {
    const request = {
      path: run.path,
      argv: [run.path],
      env: { ...run.env },
      stdin,
      deadlineMs: run.deadlineMs === undefined ? 0 : Math.max(1, end - monotonicMs()),
      cancelFd: run.cancelFd ?? -1,
    };
    const result = spawn(request, run.env.CNI_COMMAND);
    if (result.error !== Errno.ETXTBSY || tries === busyAttempts) return result;
    if (monotonicMs() + busyPauseMs >= end) return result;
    sleepMs(busyPauseMs);
  }
}
