/** The same work in several processes at once: copies of this one, each of which hands over what it found as JSON. */

import type { Interruption } from "../libcni/engine.ts";
import type { Fd } from "../pkg/sys/fd.ts";
import { readAll, writeAll } from "../pkg/sys/file.ts";
import { fork, pipe, waitFor } from "../pkg/sys/fork.ts";
import { Poll, poll } from "../pkg/sys/poll.ts";
import { exit } from "../pkg/sys/process.ts";
import { Signal } from "../pkg/sys/signal.ts";
import { attempt } from "../pkg/sys/syscall.ts";
import { decode, encode } from "../pkg/sys/text.ts";

interface Job {
  readonly pid: number;
  readonly answer: Fd;
}

/**
 * Does the work in so many copies of this process, which begin together when all are there. The value is what
 * each returned; throws an Error with the message of the first that failed, after all have ended. A signal to this
 * process goes on to all of them, which clean up before they end.
 */
export async function inParallel(
  jobs: number,
  work: () => Promise<unknown>,
  interruption: Interruption,
): Promise<unknown[]> {
  const start = pipe();
  const started: Job[] = [];
  try {
    for (let job = 0; job < jobs; job++) started.push(await startJob(start, work));
  } finally {
    start.into.close();
    start.out.close();
  }
  const answers = gather(started, interruption);
  return answers.map(({ status, text }) => {
    if (status === 0) return JSON.parse(text);
    throw new Error(
      text || `a process ended with ${status < 0 ? "signal" : "status"} ${Math.abs(status)}`,
    );
  });
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Waits for all of them to end. */
function gather(started: readonly Job[], interruption: Interruption): Answer[] {
  let cancelFd = interruption.fd;
  const answers = started.map(({ pid, answer }, at) => {
    // An answer comes as a whole, at the very end.
    while (!isReadable(answer.fd, cancelFd)) {
      cancelFd = -1;
      interruption.pending();
      // The numbers of those that have ended are nobody else's before they are waited for.
      for (const job of started.slice(at)) attempt("kill", job.pid, Signal.SIGTERM);
    }
    const text = decode(readAll(answer));
    answer.close();
    return { status: waitFor(pid), text };
  });
  // They had done all by then, perhaps, but not what was asked for.
  if (cancelFd !== interruption.fd && answers.every(({ status }) => status === 0)) {
    throw new Error("interrupted while processes were running");
  }
  return answers;
}

/** Waits until there is something to read; false where somebody wants the wait to end. */
function isReadable(fd: number, cancelFd: number): boolean {
  const targets = [fd, cancelFd].map((each) => ({ fd: each, events: Poll.in }));
  return poll(targets, -1)[0] !== 0;
}

async function startJob(
  start: { readonly out: Fd; readonly into: Fd },
  work: () => Promise<unknown>,
): Promise<Job> {
  const { out, into } = pipe();
  const pid = fork();
  if (pid !== 0) {
    into.close();
    return { pid, answer: out };
  }
  // The copy. It ends here, whatever happens.
  start.into.close();
  readAll(start.out);
  exit(await answerWith(into, work));
}

async function answerWith(to: Fd, work: () => Promise<unknown>): Promise<number> {
  try {
    writeAll(to, encode(JSON.stringify(await work())));
    return 0;
  } catch (error) {
    writeAll(to, encode(error instanceof Error ? error.message : String(error)));
    return 1;
  }
}
