/** A line of a trace: one JSON object for each operation, and one at the end of each verb. */

import type { Operation, OperationKind } from "../sys/trace.ts";

/** Whose operations they are. */
export interface Caller {
  readonly pid: number;
  readonly plugin: string;
  readonly verb: string;
  readonly network: string;
  readonly containerId: string;
  readonly ifName: string;
}

/** One line, read. */
export interface Line extends Caller {
  /** When it was over: 2026-01-31T12:00:00.000Z */
  readonly time: string;
  /** "verb" for the line that ends a call of a plugin; its purpose is the verb. */
  readonly kind: OperationKind | "verb";
  readonly purpose: string;
  readonly errno: number;
  readonly failed: boolean;
  readonly us: number;
  readonly batch?: number;
  /** Of a verb that failed: the error's code. */
  readonly code?: number;
  /** Of a verb: the W3C trace context it was called in. */
  readonly traceparent?: string;
}

/** A purpose holds names, and no name is longer. */
const longestPurpose = 1024;

/** The end of a verb. */
export type Ending = Pick<Line, "kind" | "purpose" | "failed" | "us" | "code" | "traceparent">;

/** The line, with its newline. `now` is in milliseconds since 1970. */
export function printLine(caller: Caller, what: Operation | Ending, now: number): string {
  const line = { time: new Date(now).toISOString(), ...caller, errno: 0, ...what };
  return `${JSON.stringify({ ...line, purpose: what.purpose.slice(0, longestPurpose) })}\n`;
}

/** Reads a trace. What is no line of one (a torn end, another program's output) is left out. */
export function readLines(text: string): Line[] {
  return text.split("\n").flatMap((line) => {
    const value = parse(line);
    return isLine(value) ? [value] : [];
  });
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined; // torn by a full disk, say
  }
}

const texts = ["time", "plugin", "verb", "network", "containerId", "ifName", "kind", "purpose"];
const numbers = ["pid", "errno", "us"];

function isLine(value: unknown): value is Line {
  if (typeof value !== "object" || value === null) return false;
  const line = value as Record<string, unknown>;
  return (
    texts.every((key) => typeof line[key] === "string") &&
    numbers.every((key) => typeof line[key] === "number")
  );
}
