/** The same work in several processes at once: copies of this one, each of which hands over what it found as JSON. */

import type { Fd } from "../pkg/sys/fd.ts";
import { readAll, writeAll } from "../pkg/sys/file.ts";
import { fork, pipe, waitFor } from "../pkg/sys/fork.ts";
import { exit } from "../pkg/sys/process.ts";
import { decode, encode } from "../pkg/sys/text.ts";

interface Job {
  readonly pid: number;
  readonly answer: Fd;
}

/**
 * Does the work in so many copies of this process, which begin together when all are there. The value is what
 * each returned; throws an Error with the message of the first that failed, after all have ended.
 */
export async function inParallel(jobs: number, work: () => Promise<unknown>): Promise<unknown[]> {
  const start = pipe();
  const started: Job[] = [];
  try {
    for (let job = 0; job < jobs; job++) started.push(await startJob(start, work));
  } finally {
    start.into.close();
    start.out.close();
  }
  const answers = started.map(({ pid, answer }) => {
    const text = decode(readAll(answer));
    answer.close();
    return { status: waitFor(pid), text };
  });
  return answers.map(({ status, text }) => {
    if (status === 0) return JSON.parse(text);
    throw new Error(
      text || `a process ended with ${status < 0 ? "signal" : "status"} ${Math.abs(status)}`,
    );
  });
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
