/** trace: what plugins wrote about their work (CNI_TRACE), for a person to read. */

import { type Line, readLines } from "../pkg/trace/line.ts";
import { renderTrace, splitCalls } from "../pkg/trace/render.ts";
import { type Command, commonFlags, flagValue, jsonFlag } from "./command.ts";
import { UsageError } from "./flags.ts";
import { printJson } from "./table.ts";

export const trace: Command = {
  name: "trace",
  usage: "[FILE]",
  summary:
    "shows what plugins did, step by step, from the file that CNI_TRACE or a network's trace names",
  details:
    "Without FILE it is that of CNI_TRACE. Steps of a plugin called in process carry its name.",
  leastArgs: 0,
  flags: [
    ...commonFlags,
    jsonFlag,
    {
      name: "container",
      value: "ID",
      help: "shows calls for this container; the id's beginning is enough",
    },
    { name: "failed", help: "shows calls that failed or were cut short" },
  ],
  async run(line, { env, machine, print }) {
    const file = line.args[0] ?? env.CNI_TRACE ?? "";
    if (file === "") throw new UsageError("no file: give it, or set CNI_TRACE");
    const text = await machine.readText(file);
    const container = flagValue(line, "container") ?? "";
    const onlyFailed = line.flags.has("failed");
    const calls = splitCalls(readLines(text)).filter(
      (call) =>
        call.some(({ containerId }) => containerId.startsWith(container)) &&
        !(onlyFailed && hasSucceeded(call)),
    );
    print(line.flags.has("json") ? printJson(calls) : calls.map(renderTrace).join("\n"));
    return 0;
  },
};

function hasSucceeded(call: readonly Line[]): boolean {
  const end = call.at(-1);
  return end?.kind === "verb" && !end.failed;
}
