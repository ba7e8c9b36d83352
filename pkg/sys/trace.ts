/**
 * Lets one observer see what is done to the system. Without one an operation costs one comparison more: no clock is
 * read, no text is made.
 */

import { monotonicMs } from "./clock.ts";
import { SysError } from "./errno.ts";

/** What an operation is done through. */
export type OperationKind = "netlink" | "program" | "call" | "sysctl" | "file" | "lock";

/** One thing that was done, or tried. */
export interface Operation {
  readonly kind: OperationKind;
  /** What for, in words: `create link cni0`. */
  readonly purpose: string;
  /** Why it failed; 0 where it did not, or where no system call was to blame. */
  readonly errno: number;
  readonly failed: boolean;
  /** How long it took, in microseconds. */
  readonly us: number;
  /** For requests that went to the kernel together, and took that time together: the first one's number. */
  readonly batch?: number;
}

export type Observer = (operation: Operation) => void;

/** Who is told; ask for it before any text or closure is made for the trace. */
export let observer: Observer | undefined;

/** Has an observer told of everything from now on, instead of the one before, which is returned. */
export function observe(next: Observer | undefined): Observer | undefined {
  const before = observer;
  observer = next;
  return before;
}

/** Tells the observer of operations that began together at `start` (monotonicMs) and end now. */
export function tell(
  kind: OperationKind,
  start: number,
  ...what: readonly Omit<Operation, "kind" | "us">[]
): void {
  // Read once: to be told takes the observer a while, which is no part of what took place.
  const us = Math.round((monotonicMs() - start) * 1000);
  for (const operation of what) observer?.({ kind, ...operation, us });
}

/** Does the work and tells of it. `verb` and `subject` make its purpose; a subject in a directory is named with it. */
export function traced<T>(
  kind: OperationKind,
  verb: string,
  subject: string | readonly [name: string, dir: { readonly subject?: string } | undefined],
  work: () => T,
): T {
  const object = typeof subject === "string" ? subject : pathOf(subject);
  const purpose = verb === "" ? object : `${verb} ${object}`;
  const start = monotonicMs();
  let errno = 0;
  let failed = true;
  try {
    const value = work();
    failed = false;
    return value;
  } catch (error) {
    if (error instanceof SysError) errno = error.errno;
    throw error;
  } finally {
    tell(kind, start, { purpose, errno, failed });
  }
}

function pathOf([name, dir]: readonly [string, { readonly subject?: string } | undefined]): string {
  return dir?.subject === undefined ? name : `${dir.subject}/${name}`;
}
