/**
 * Programs that stay inside a world, for tests that ask thousands of times: some kernels start a program more slowly
 * than it answers. One line goes in, so many lines come out.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { performance } from "node:perf_hooks";
import { createInterface } from "node:readline";
import { type CommandOptions, type Outcome, searchPath } from "./command.ts";

const patienceMs = 60_000;

/** A program that answers lines with lines. */
export class Resident {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  /** `argv` as it is to be started, its way into the world included. */
  constructor(argv: readonly string[]) {
    const [program = "", ...rest] = argv;
    const child = spawn(program, rest, {
      env: { PATH: searchPath },
      stdio: ["pipe", "pipe", "ignore"],
    });
    child.stdin.on("error", () => {}); // it has ended: that is told where an answer is missing
    this.#child = child;
    this.#lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  }

  /** Throws where the answer does not come, or not in time. */
  async ask(question: string, count: number): Promise<string[]> {
    this.#child.stdin?.write(`${question}\n`);
    const answer: string[] = [];
    while (answer.length < count) {
      const { value, done } = await within(patienceMs, question, this.#lines.next());
      if (done) throw new Error(`ended before it answered: ${question}`);
      answer.push(value);
    }
    return answer;
  }

  end(): void {
    this.#child.stdin?.end();
    this.#child.kill("SIGKILL");
  }
}

async function within<T>(ms: number, what: string, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms: ${what}`)), ms);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Where a shell keeps what the programs it runs read and write, named inside the world and outside. */
export interface Workplace {
  readonly inside: string;
  readonly outside: string;
}

/** Has a shell run a program to its end: as `run` of command.ts, without starting more than that program. */
export async function runBy(
  shell: Resident,
  { inside, outside }: Workplace,
  argv: readonly string[],
  { stdin = "", env = {} }: CommandOptions = {},
): Promise<Outcome> {
  writeFileSync(`${outside}/stdin`, stdin);
  const variables = Object.entries(env).map(([name, value]) => `${name}=${quote(value)}`);
  const command = [...variables, ...argv.map(quote)].join(" ");
  const began = performance.now();
  const redirections = `<${inside}/stdin >${inside}/stdout 2>${inside}/stderr`;
  const [answer] = await shell.ask(`${command} ${redirections}; echo $?`, 1);
  const ms = performance.now() - began;
  const [stdout = "", stderr = ""] = ["stdout", "stderr"].map((name) =>
    readFileSync(`${outside}/${name}`, "utf8"),
  );
  return { argv, ...endOf(Number(answer)), stdout, stderr, ms, timedOut: false };
}

/** What a shell says of how a program ended: 128 and more is a signal's number. */
function endOf(answer: number): Pick<Outcome, "status" | "signal"> {
  const signals = Object.entries(constants.signals) as [NodeJS.Signals, number][];
  const signal = signals.find(([, number]) => number === answer - 128)?.[0] ?? null;
  return { status: signal === null ? answer : null, signal };
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
