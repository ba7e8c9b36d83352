/** The process itself, and the programs it runs. */

import { port } from "#port";
import { monotonicMs } from "./clock.ts";
import type { SpawnRequest, SpawnResult } from "./port.ts";
import { call } from "./syscall.ts";
import { observer, tell } from "./trace.ts";

export type { SpawnRequest, SpawnResult } from "./port.ts";

/** The argument vector; the first is the name this program was called by. */
export function args(): string[] {
  return port.args();
}

/** The environment. */
export function environment(): Record<string, string> {
  return port.env();
}

/** Has garbage looked for each time the heap has grown by so much: for a program that goes on and on. */
export function collectEvery(bytes: number): void {
  port.gcThreshold(bytes);
}

/** Has the processor fetch what most calls touch of the program, each line of which would be waited for. */
export function fetchAhead(): void {
  port.fetchAhead();
}

/** Ends the process. */
export function exit(code: number): never {
  return port.exit(code);
}

/** The process's number. */
export function processId(): number {
  return call("getpid");
}

/** Names this build of the whole suite, in hex; empty under Node and in development. */
export function buildId(): string {
  return port.build;
}

/** Runs a program to its end, in a process group of its own. `task` is what it is told to do, for the trace. */
export function spawn(request: SpawnRequest, task = ""): SpawnResult {
  const whole = { ...request, deadlineMs: Math.ceil(request.deadlineMs) };
  if (observer === undefined) return port.spawn(whole);
  const start = monotonicMs();
  const result = port.spawn(whole);
  const purpose = `run ${request.path}${task === "" ? "" : ` ${task}`}`;
  const failed = result.error !== 0 || result.status !== 0;
  tell("program", start, { purpose, errno: result.error, failed });
  return result;
}

/** Where an error came from, in lines of the sources. */
export function stackOf(error: Error): string {
  const stack = error.stack ?? "";
  return port.mapStack?.(stack) ?? stack;
}
