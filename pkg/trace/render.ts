/** A trace as a person reads it: a paragraph for each call of a plugin, a line for each thing it did. */

import { errnoName } from "../sys/errno.ts";
import type { Line } from "./line.ts";

/** The lines of one call, in the order in which they ended; the call's own is the last, if it came to its end. */
type Call = readonly Line[];

/** The trace as text; calls that were cut short come last. */
export function renderTrace(lines: readonly Line[]): string {
  return splitCalls(lines).map(renderCall).join("\n");
}

/**
 * The calls in a trace, in the order of their ends. Processes at the same time write between each other; one
 * process makes one call, and others inside it.
 */
export function splitCalls(lines: readonly Line[]): Call[] {
  const open = new Map<number, Line[]>();
  const calls: Call[] = [];
  for (const [place, line] of lines.entries()) {
    const call = open.get(line.pid) ?? [];
    call.push(line);
    open.set(line.pid, call);
    if (line.kind !== "verb" || isInside(line, lines, place)) continue;
    calls.push(call);
    open.delete(line.pid);
  }
  return [...calls, ...open.values()];
}

/** Whether another plugin made this call in process: it says so in its next line. */
function isInside(end: Line, lines: readonly Line[], place: number): boolean {
  const next = lines.slice(place + 1).find(({ pid }) => pid === end.pid);
  return next?.kind === "call" && next.purpose === `call ${end.plugin} ${end.verb}`;
}

function renderCall(call: Call): string {
  const last = call[call.length - 1];
  if (last === undefined) return "";
  const { time, plugin, verb, network, containerId, ifName } = last;
  const attachment = [network, containerId, ifName].filter((name) => name !== "").join(" ");
  const head = `${time} ${plugin} ${verb} ${attachment}: ${outcomeOf(last)}`;
  // What was done inside a call stands before the line of that call, as all lines stand where things ended.
  const steps = call.filter(({ kind }) => kind !== "verb");
  return [head, ...steps.map((line, place) => renderStep(line, steps[place - 1], last)), ""].join(
    "\n",
  );
}

function outcomeOf({ kind, failed, code, us }: Line): string {
  if (kind !== "verb") return "did not end";
  return `${failed ? `failed with code ${code ?? "unknown"}` : "ok"}, ${us} us`;
}

/** Requests that went to the kernel together took their time together: it stands beside the first. */
function renderStep(line: Line, before: Line | undefined, { plugin }: Line): string {
  const joins = line.batch !== undefined && line.batch === before?.batch && line.us === before.us;
  const time = joins ? "+".padStart(10) : `${line.us} us`.padStart(10);
  const inside = line.plugin === plugin ? "" : `${line.plugin}: `;
  return `${time}  ${inside}${line.purpose}${failureOf(line)}`;
}

function failureOf({ failed, errno }: Line): string {
  if (errno !== 0) return `: ${errnoName(errno)}`;
  return failed ? ": failed" : "";
}
