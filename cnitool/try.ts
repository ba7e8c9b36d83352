/** try: a network put to the test in a namespace that is thrown away. */

import type { Attachment } from "../libcni/attachment.ts";
import type { NetworkList } from "../libcni/config.ts";
import { printResult, type Result } from "../pkg/cni/result.ts";
import { atLeast } from "../pkg/cni/version.ts";
import { errnoText } from "../pkg/sys/errno.ts";
import { cleanUp, cleanUpAfterFailure } from "./clean-up.ts";
import { type Command, commonFlags, jsonFlag, type Session, timeoutFlag } from "./command.ts";
import type { CommandLine } from "./flags.ts";
import { attachmentOf, callOptions, networkOf } from "./inputs.ts";
import { makeSandbox, type Sandbox } from "./sandbox.ts";
import { printJson, printTable } from "./table.ts";

export const tryOut: Command = {
  name: "try",
  usage: "NETWORK [-- COMMAND...]",
  summary: "adds a throw-away namespace to a network, checks it, and deletes it again",
  details: "COMMAND, a program with its arguments, runs inside between check and del.",
  leastArgs: 1,
  flags: [...commonFlags, jsonFlag, timeoutFlag],
  async run(line, session) {
    const list = await networkOf(line, session);
    using sandbox = makeSandbox();
    const attachment = throwAway(line, session, sandbox);
    const steps: Step[] = [];
    let result: Result | undefined;
    let status = 0;
    await withDeletion({ list, attachment, session, steps, line }, async (added) => {
      result = added;
      if (atLeast(list.cniVersion, "0.4.0")) {
        const check = () => session.cni.check(list, attachment, callOptions(line));
        await timed(session, steps, "check", check);
      }
      if (line.rest.length > 0) status = runInside(line, session, sandbox);
    });
    session.print(line.flags.has("json") ? stepsJson(result, steps) : showSteps(result, steps));
    return status;
  },
};

/** One verb, and how long it took. */
export interface Step {
  readonly step: string;
  readonly ms: number;
}

/** One attachment, from add to del. */
export interface Round {
  readonly list: NetworkList;
  readonly attachment: Attachment;
  readonly session: Session;
  readonly steps: Step[];
  readonly line: CommandLine;
}

/** Adds, does the work, and deletes whatever happened; what failed first is what is told. */
export async function withDeletion(
  { list, attachment, session, steps, line }: Round,
  work: (result: Result) => Promise<void>,
): Promise<void> {
  try {
    const add = () => session.cni.add(list, attachment, callOptions(line));
    await work(await timed(session, steps, "add", add));
  } catch (error) {
    await cleanUpAfterFailure(session, list, attachment);
    throw error;
  }
  await timed(session, steps, "del", () => cleanUp(session, list, attachment));
  // It came where nothing ran that it could end.
  if (session.wasInterrupted()) throw interrupted("the command");
}

/** An attachment of its own; the namespace's path holds the process's number, so that no other call has the same. */
export function throwAway(line: CommandLine, session: Session, sandbox: Sandbox): Attachment {
  const named = { ...line, args: [line.args[0] ?? "", sandbox.path] };
  return { ...attachmentOf(named, session), netns: sandbox.path };
}

async function timed<T>(
  { machine }: Session,
  steps: Step[],
  step: string,
  work: () => Promise<T>,
): Promise<T> {
  const began = machine.monotonicMs();
  const value = await work();
  steps.push({ step, ms: machine.monotonicMs() - began });
  return value;
}

function runInside(line: CommandLine, session: Session, sandbox: Sandbox): number {
  const { env, machine, print, interruption } = session;
  const outcome = sandbox.run([...line.rest], env, interruption.fd);
  if (outcome.error !== 0) {
    throw new Error(`cannot run "${line.rest[0]}": ${errnoText(outcome.error)}`);
  }
  machine.writeStderr(machine.decode(outcome.stderr));
  if (outcome.cancelled) {
    interruption.pending();
    throw interrupted(`"${line.rest[0]}"`);
  }
  const stdout = machine.decode(outcome.stdout);
  // With --json stdout is one document.
  if (line.flags.has("json")) machine.writeStderr(stdout);
  else print(stdout);
  return outcome.status < 0 ? 1 : outcome.status;
}

function interrupted(what: string): Error {
  return new Error(`interrupted while ${what} was running`);
}

function stepsJson(result: Result | undefined, steps: readonly Step[]): string {
  const plain = result && JSON.parse(printResult(result, result.cniVersion));
  return printJson({ result: plain, steps });
}

function showSteps(result: Result | undefined, steps: readonly Step[]): string {
  const text = result === undefined ? "" : `${printResult(result, result.cniVersion)}\n\n`;
  const rows = steps.map(({ step, ms }) => [step, formatMs(ms)]);
  return text + printTable(["STEP", "TIME"], rows);
}

/** Milliseconds, as tables show them. */
export function formatMs(ms: number): string {
  return `${ms.toFixed(2)} ms`;
}
