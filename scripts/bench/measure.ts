/**
 * Runs executables and takes their times, on the engine: its spawn costs a fraction of what Node's does, which would
 * hide the difference between the suites. Reads a plan from stdin, prints the answer; scripts/bench/launch.ts calls it.
 */

import { monotonicMs } from "../../pkg/sys/clock.ts";
import { Fd } from "../../pkg/sys/fd.ts";
import { readAll, readText, writeAll } from "../../pkg/sys/file.ts";
import { port } from "../../pkg/sys/port-engine.ts";
import { exit, type SpawnResult, spawn } from "../../pkg/sys/process.ts";
import { call } from "../../pkg/sys/syscall.ts";
import { decode, encode } from "../../pkg/sys/text.ts";
import type { Answer, Plan, Rounds, Step, Storm } from "./plan.ts";

/** Calls that no plugin makes: __NR_clone, __NR_getrusage, __NR_setitimer */
const numbers =
  port.arch === "arm64"
    ? { clone: 220, getrusage: 165, setitimer: 103 }
    : { clone: 56, getrusage: 98, setitimer: 38 };
/** SIGCHLD, asm-generic/signal.h */
const childSignal = 17;
/** RUSAGE_CHILDREN; struct rusage: ru_utime and ru_stime, then ru_maxrss, linux/resource.h */
const usage = { ofChildren: -1, bytes: 144, userAt: 0, systemAt: 16, peakAt: 32 } as const;

/** Far beyond any plugin: what takes longer hangs. */
const deadlineMs = 60_000;

/** Fewer say nothing, however long they take. */
const fewestRounds = 5;

const times: Record<string, number[]> = {};
const processor: Record<string, number[]> = {};
const outputs: Record<string, string[]> = {};

function main(): void {
  const plan: Plan = JSON.parse(decode(readAll(new Fd(0))));
  if (plan.kind === "storm") runStorm(plan);
  else runRounds(plan);
  const { peakKb } = usageOfChildren();
  const answer: Answer = { times, processor, outputs, peakKb, floorKb: ownPeak() };
  writeAll(new Fd(1), encode(JSON.stringify(answer)));
  exit(0);
}

function runRounds({ alternatives, warmUp, rounds, limitMs }: Rounds): void {
  const turns = [...alternatives];
  let until = Number.POSITIVE_INFINITY;
  for (let round = -warmUp; round < rounds; round++) {
    if (round === 0) until = monotonicMs() + limitMs;
    if (round >= fewestRounds && monotonicMs() > until) break;
    for (const steps of turns) {
      for (const step of steps) {
        const before = usageOfChildren().ms;
        const ms = runStep(step);
        if (round < 0) continue;
        note(times, step.label, ms);
        note(processor, step.label, usageOfChildren().ms - before);
      }
    }
    turns.reverse(); // nobody always has the warmer caches
  }
}

function note(into: Record<string, number[]>, label: string, ms: number): void {
  const list = into[label];
  if (list === undefined) into[label] = [ms];
  else list.push(ms);
}

/** Files in memory that a step reads and writes: to pass things on by pipes would count as time of the step's. */
const standard = [0, 1, 2].map((fd) => call("memfd_create", `standard${fd}`, 0));

function runStep(step: Step): number {
  const [input = -1, output = -1, errors = -1] = standard;
  for (const fd of standard) {
    call("ftruncate", fd, 0);
    call("lseek", fd, 0, 0);
  }
  const request = { ...requestOf(step), descriptors: [input, output, errors] as const };
  writeAll(new Fd(input), request.stdin);
  call("lseek", input, 0, 0);
  // On descriptors of ours a deadline does not count: an alarm ends this program. ITIMER_REAL is 0, linux/time.h.
  const alarm = new BigInt64Array([0n, 0n, BigInt(deadlineMs / 1000), 0n]);
  port.syscall(numbers.setitimer, 0, new Uint8Array(alarm.buffer));
  const start = monotonicMs();
  const result = spawn(request);
  const ms = monotonicMs() - start;
  const [stdout, stderr] = [textIn(output), textIn(errors)];
  outputs[step.label] = [outputOf(step, { ...result, stdout, stderr })];
  return ms;
}

function textIn(fd: number): Uint8Array {
  call("lseek", fd, 0, 0);
  return readAll(new Fd(fd));
}

function requestOf({ path, env, config, prevResultOf }: Step): Parameters<typeof spawn>[0] {
  const previous = prevResultOf === undefined ? undefined : outputs[prevResultOf]?.[0];
  const stdin = previous === undefined ? config : { ...config, prevResult: JSON.parse(previous) };
  return {
    path,
    argv: [path],
    env: { ...env },
    stdin: encode(stdin === undefined ? "" : JSON.stringify(stdin)),
    deadlineMs,
    cancelFd: -1,
  };
}

function outputOf(step: Step, result: SpawnResult): string {
  const stdout = decode(result.stdout);
  if (result.error !== 0 || result.status !== 0) {
    const how = `errno ${result.error}, status ${result.status}, signal ${result.signal}`;
    const printed = `${stdout}${decode(result.stderr)}`.trim() || "it printed nothing";
    throw new Error(`${step.path} ${step.label} failed (${how}): ${printed}`);
  }
  return stdout;
}

function runStorm({ phases }: Storm): void {
  for (const { label, steps } of phases) {
    const start = monotonicMs();
    const running = steps.map(runBeside);
    const failed = running.filter(({ pid }) => !succeeded(pid)).length;
    times[label] = [monotonicMs() - start];
    const printed = running.map(({ output }) => decode(readAll(output)));
    if (failed > 0) {
      throw new Error(`${failed} of ${steps.length} failed in ${label}: ${printed.find(isError)}`);
    }
    outputs[label] = printed;
  }
}

function isError(text: string): boolean {
  return text.includes('"code"') || text.includes("failed");
}

/** Runs a step in a copy of this process, which sends back what was printed. */
function runBeside(step: Step): { pid: number; output: Fd } {
  const ends = new Int32Array(2);
  call("pipe2", new Uint8Array(ends.buffer), 0);
  const [from = -1, to = -1] = ends;
  const pid = port.syscall(numbers.clone, childSignal, null, null, null, null);
  if (pid < 0) throw new Error(`cannot copy the process: errno ${-pid}`);
  if (pid === 0) {
    let text: string;
    let code = 0;
    try {
      text = outputOf(step, spawn(requestOf(step)));
    } catch (error) {
      text = String(error);
      code = 1;
    }
    writeAll(new Fd(to), encode(text));
    exit(code);
  }
  call("close", to);
  return { pid, output: new Fd(from) };
}

function succeeded(pid: number): boolean {
  const status = new Int32Array(1);
  call("wait4", pid, new Uint8Array(status.buffer), 0, null);
  return status[0] === 0;
}

/** What all processes that were run have used: the time of all together, the memory of the largest. */
function usageOfChildren(): { ms: number; peakKb: number } {
  const record = new Uint8Array(usage.bytes);
  port.syscall(numbers.getrusage, usage.ofChildren, record);
  const view = new DataView(record.buffer);
  const word = (at: number) => Number(view.getBigInt64(at, true));
  const time = (at: number) => word(at) * 1000 + word(at + 8) / 1000;
  return { ms: time(usage.userAt) + time(usage.systemAt), peakKb: word(usage.peakAt) };
}

function ownPeak(): number {
  return Number(/^VmHWM:\s+(\d+)/m.exec(readText("/proc/self/status"))?.[1]);
}

try {
  main();
} catch (error) {
  writeAll(new Fd(2), encode(error instanceof Error ? error.message : String(error)));
  exit(1);
}
