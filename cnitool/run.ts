/** From the command line to a command, and from its failure to a message and a status. */

import { reasonOf } from "../libcni/config.ts";
import { add, check, del } from "./attach.ts";
import { bench } from "./bench.ts";
import { gc } from "./collect.ts";
import type { Command, Session } from "./command.ts";
import { explain } from "./explain.ts";
import { parseFlags, UsageError } from "./flags.ts";
import { helpOf, overview } from "./help.ts";
import { list, show, status } from "./inspect.ts";
import { reload } from "./reload.ts";
import { didYouMean } from "./suggest.ts";
import { trace } from "./trace.ts";
import { tryOut } from "./try.ts";
import { validate } from "./validate.ts";

const commands: readonly Command[] = [
  add,
  check,
  del,
  gc,
  status,
  reload,
  list,
  show,
  validate,
  explain,
  tryOut,
  bench,
  trace,
];

/** Runs what the words after the program's name ask for; the value is the exit status. */
export async function runCommand(argv: readonly string[], session: Session): Promise<number> {
  try {
    return await dispatch(argv, session);
  } catch (error) {
    session.machine.writeStderr(`Error: ${reasonOf(error)}\n`);
    if (error instanceof UsageError) {
      session.machine.writeStderr(`"cnitool --help" tells how to use it\n`);
    }
    // The reference's words, which do not say what paths.
    if (!session.env.CNI_PATH && reasonOf(error).endsWith(": no paths provided")) {
      session.machine.writeStderr("CNI_PATH is not set: it names the directories of the plugins\n");
    }
    return 1;
  }
}

async function dispatch(argv: readonly string[], session: Session): Promise<number> {
  const [name = "help", ...words] = argv;
  if (name === "help" || name === "--help" || name === "-h") {
    const topic = commands.find((command) => command.name === words[0]);
    session.print(topic === undefined ? overview(commands) : helpOf(topic));
    return 0;
  }
  const command = commands.find((candidate) => candidate.name === name);
  if (command === undefined) {
    const names = commands.map((candidate) => candidate.name);
    throw new UsageError(`unknown command "${name}" for "cnitool"${didYouMean(name, names)}`);
  }
  const line = parseFlags(words, command.flags);
  if (line.flags.has("help")) {
    session.print(helpOf(command));
    return 0;
  }
  const { leastArgs } = command;
  if (line.args.length < leastArgs) {
    throw new UsageError(
      `requires at least ${leastArgs} arg(s), only received ${line.args.length}`,
    );
  }
  return await command.run(line, session);
}
