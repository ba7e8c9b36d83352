/** Runs programs: never throws for what they do, never waits for ever. */

import { type ChildProcess, spawn } from "node:child_process";
import { performance } from "node:perf_hooks";

/** How a program ended. */
export interface Outcome {
  readonly argv: readonly string[];
  /** null if a signal ended it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
  /** Ended by the harness, past its deadline. */
  readonly timedOut: boolean;
}

export interface CommandOptions {
  readonly stdin?: string;
  /** The whole environment; without it the program gets PATH only. */
  readonly env?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
}

/** A program that has been started. */
export interface Running {
  readonly pid: number;
  readonly outcome: Promise<Outcome>;
  /** Resolves once its stdout holds the text. */
  printed(text: string): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

/** Where programs are looked for. */
export const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Starts a program; its pid is the program's own. */
export function start(argv: readonly string[], options: CommandOptions = {}): Running {
  const began = performance.now();
  const child = spawn(argv[0] ?? "", argv.slice(1), {
    env: { PATH: searchPath, ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  // A program may well end without having read its stdin.
  child.stdin.on("error", () => {});
  child.stdin.end(options.stdin ?? "");
  const stdout = collect(child, "stdout");
  const stderr = collect(child, "stderr");
  let timedOut = false;
  const deadline = setTimeout(() => {
    timedOut = true;
    child.kill("SIGKILL");
  }, options.deadlineMs ?? 30_000);
  const outcome = new Promise<Outcome>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status, signal) => {
      clearTimeout(deadline);
      const ms = performance.now() - began;
      resolve({ argv, status, signal, stdout: stdout(), stderr: stderr(), ms, timedOut });
    });
  });
  return {
    pid: child.pid ?? -1,
    outcome,
    printed: (text) => untilPrinted(child, stdout, text),
    kill: (signal) => void child.kill(signal),
  };
}

/** Runs a program to its end. */
export function run(argv: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
  return start(argv, options).outcome;
}

/** What went wrong, for an assertion's message. */
export function describe({ argv, status, signal, stdout, stderr, timedOut }: Outcome): string {
  const end = timedOut ? "did not end in time" : `ended with ${signal ?? status}`;
  return `${argv.join(" ")} ${end}\nstdout: ${stdout.slice(0, 2000)}\nstderr: ${stderr.slice(0, 2000)}`;
}

function collect(child: ChildProcess, stream: "stdout" | "stderr"): () => string {
  const chunks: Buffer[] = [];
  child[stream]?.on("data", (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString("utf8");
}

function untilPrinted(child: ChildProcess, stdout: () => string, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = () => stdout().includes(text) && resolve();
    child.stdout?.on("data", look);
    child.on("close", () => reject(new Error(`ended before it printed "${text}": ${stdout()}`)));
    look();
  });
}
