/** The edges of the process: environment, stdin, stdout, signals, exit status. */

import { CniError, ErrorCode, printError, toCniError } from "../cni/error.ts";
import { isSysError } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { readAll, writeAll } from "../sys/file.ts";
import { args, environment, exit, fetchAhead, stackOf } from "../sys/process.ts";
import { type BlockedSignals, blockSignals } from "../sys/signal.ts";
import { decode, encode } from "../sys/text.ts";
import { observer } from "../sys/trace.ts";
import { perform } from "./perform.ts";
import type { Plugin } from "./plugin.ts";

const stdinFd = 0;
const stdoutFd = 1;
const stderrFd = 2;

/** Nothing legitimate comes near: the largest configurations are a few hundred kilobytes. */
const longestStdin = 16 * 1024 * 1024;

export interface RunOptions {
  /** IPAM plugins to call in process where CNI_PATH leads to this build's. */
  readonly builtIn?: readonly Plugin[];
  /** Shown to whoever runs the executable by hand. */
  readonly version: string;
}

/** Runs the plugin as this process: reads, performs, prints, exits. Never returns. */
export function runPlugin(plugin: Plugin, { builtIn = [], version }: RunOptions): never {
  if (plugin.commands !== undefined) runCommand(plugin.commands, version);
  const env = environment();
  if ((env.CNI_COMMAND ?? "") === "") explainYourself(plugin, version);
  let signals: BlockedSignals | undefined;
  try {
    perform(plugin, {
      env,
      readStdin: () => {
        // Not at the start: VERSION, which touches little, would take a tenth longer.
        fetchAhead();
        const stdin = decode(readAll(new Fd(stdinFd), longestStdin));
        // A runtime's deadline must not leave half an attachment: the signals wait until a step can be taken back,
        // and DEL goes on to its end. Not before: nothing is done yet, and who does not close stdin must be able
        // to end the process.
        signals = blockSignals(["SIGTERM", "SIGINT", "SIGHUP"]);
        return stdin;
      },
      builtIn,
      cancelFd: () => signals?.fd ?? -1,
      checkInterrupted: () => {
        const signal = signals?.pending() ?? 0;
        if (signal === 0) return;
        throw new CniError(ErrorCode.tryAgainLater, `interrupted by signal ${signal}`);
      },
      print,
      log,
      netnsChecked: false,
    });
  } catch (error) {
    fail(error);
  }
  exit(0);
}

/** Prints a result, which is the last that a call does: what is open then, the kernel closes at less cost. */
function print(text: string): void {
  writeAll(new Fd(stdoutFd), encode(text));
  // A trace is written when the call is over.
  if (observer === undefined) exit(0);
}

/** Where the first argument names a command of the plugin's: does that, and does not return. */
function runCommand(commands: NonNullable<Plugin["commands"]>, version: string): void {
  const [, word = "", ...rest] = args();
  if (Object.hasOwn(commands, word)) commands[word]?.(rest, version);
}

/** Runs the plugin that the executable was called as: one file, a name for each plugin. */
export function runMulticall(
  plugins: Readonly<Record<string, Plugin>>,
  builtIn: readonly Plugin[],
  version: string,
): never {
  const called = args()[0] ?? "";
  const name = called.slice(called.lastIndexOf("/") + 1);
  const plugin = Object.hasOwn(plugins, name) ? plugins[name] : undefined;
  if (plugin !== undefined) runPlugin(plugin, { builtIn, version });
  log(`tscni ${version}: called as "${name}", which is none of ${Object.keys(plugins).join(", ")}`);
  exit(1);
}

function explainYourself(plugin: Plugin, version: string): never {
  log(`CNI ${plugin.name} plugin ${version}`);
  log(`CNI protocol versions supported: ${plugin.versions.join(", ")}`);
  exit(0);
}

function fail(error: unknown): never {
  // A bug of ours has a stack worth keeping; an expected failure says what it has to say.
  if (error instanceof TypeError || error instanceof ReferenceError) {
    log(`${error.name}: ${error.message}\n${stackOf(error)}`);
  }
  try {
    writeAll(new Fd(stdoutFd), encode(printError(toCniError(error))));
  } catch {
    log(toCniError(error).message);
  }
  exit(1);
}

/** What nobody can take is lost: a verb must not fail for that. */
function log(line: string): void {
  try {
    writeAll(new Fd(stderrFd), encode(line.endsWith("\n") ? line : `${line}\n`));
  } catch (error) {
    if (!isSysError(error)) throw error;
  }
}
