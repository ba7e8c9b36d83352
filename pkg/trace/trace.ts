/** The trace of one call of a plugin: each operation as it ends, then the call itself. */

import { toCniError } from "../cni/error.ts";
import { monotonicMs, realtimeMs } from "../sys/clock.ts";
import { type Operation, observe } from "../sys/trace.ts";
import { type Caller, type Ending, printLine } from "./line.ts";
import { TraceFile } from "./trace-file.ts";

/** Where lines go. It outlives nothing and fails nothing: at its first failure it says so, and is silent then. */
export class TraceSink implements Disposable {
  readonly #log: (line: string) => void;
  #file: TraceFile | undefined;

  constructor(path: string, log: (line: string) => void) {
    this.#log = log;
    this.#attempt(() => {
      this.#file = new TraceFile(path);
    });
  }

  write(line: string): void {
    this.#attempt(() => this.#file?.append(line));
  }

  [Symbol.dispose](): void {
    this.#file?.[Symbol.dispose]();
  }

  #attempt(step: () => void): void {
    // What the trace does for itself is no part of it.
    const observer = observe(undefined);
    try {
      step();
    } catch (error) {
      this.#file = undefined;
      this.#log(`going on without a trace: ${toCniError(error).message}`);
    } finally {
      observe(observer);
    }
  }
}

/** Traces the work, which is one call of a plugin. A call inside it hides it until it is over. */
export function traceCall<T>(
  sink: TraceSink,
  caller: Caller,
  traceparent: string | undefined,
  work: () => T,
): T {
  const write = (what: Operation | Ending) => sink.write(printLine(caller, what, realtimeMs()));
  const start = monotonicMs();
  const before = observe(write);
  let failure: { code: number } | undefined;
  try {
    return work();
  } catch (error) {
    failure = { code: toCniError(error).code };
    throw error;
  } finally {
    observe(before);
    const us = Math.round((monotonicMs() - start) * 1000);
    const failed = failure !== undefined;
    write({ kind: "verb", purpose: caller.verb, failed, us, ...failure, traceparent });
  }
}
