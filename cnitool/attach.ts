/** add, check, del: one container's attachment, identified by its namespace's path. */

import { printResult } from "../pkg/cni/result.ts";
import { cleanUpAfterFailure } from "./clean-up.ts";
import { type Command, commonFlags, timeoutFlag } from "./command.ts";
import { attachmentOf, callOptions, networkOf } from "./inputs.ts";

const usage = "NETWORK NETNS";
const flags = [...commonFlags, timeoutFlag];

export const add: Command = {
  name: "add",
  usage,
  summary: "attaches a network namespace to a network",
  details: "Prints the result as JSON, in the version of the last plugin.",
  leastArgs: 2,
  flags,
  async run(line, session) {
    const list = await networkOf(line, session);
    const attachment = attachmentOf(line, session);
    try {
      const result = await session.cni.add(list, attachment, callOptions(line));
      const end = session.isTerminal ? "\n" : "";
      session.print(`${printResult(result, result.cniVersion)}${end}`);
    } catch (error) {
      // Whoever interrupts expects nothing to stay; other failures are left to be looked at, until `del`.
      if (session.wasInterrupted()) {
        await cleanUpAfterFailure(session, list, attachment);
      }
      throw error;
    }
    return 0;
  },
};

export const check: Command = {
  name: "check",
  usage,
  summary: "proves that an attachment is as add left it",
  leastArgs: 2,
  flags,
  async run(line, session) {
    const list = await networkOf(line, session);
    await session.cni.check(list, attachmentOf(line, session), callOptions(line));
    return 0;
  },
};

export const del: Command = {
  name: "del",
  usage,
  summary: "detaches a network namespace; what is gone already is no error",
  leastArgs: 2,
  flags,
  async run(line, session) {
    const list = await networkOf(line, session);
    await session.cni.del(list, attachmentOf(line, session), callOptions(line));
    return 0;
  },
};
