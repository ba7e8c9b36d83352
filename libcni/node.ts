/**
 * libcni for runtimes on Node, `tscni/libcni`: the only file of it that imports Node's modules. It needs no native
 * addon; in exchange, its lock keeps GC apart from other calls of this process only.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { constants } from "node:os";
import { performance } from "node:perf_hooks";
import { setTimeout as wait } from "node:timers/promises";
import { SysError } from "../pkg/sys/errno.ts";
import { Libcni, type LibcniOptions } from "./libcni.ts";
import type { ExecOutcome, ExecRequest, FileState, Machine } from "./machine.ts";
import { SharedLocks } from "./node-locks.ts";
import { startWaiting } from "./node-patience.ts";

export type { Result } from "../pkg/cni/result.ts";
export { type Attachment, type AttachmentId, joinArgs, splitArgs } from "./attachment.ts";
export type { CachedAttachment } from "./cache.ts";
export { type NetworkList, type PluginConfig, parseList, parsePlugin, toList } from "./config.ts";
export type { CallOptions, GcOptions, Libcni, LibcniOptions } from "./libcni.ts";
export { type Candidate, NetworkNotFoundError, NoNetworksError } from "./load.ts";
export type { ExecOutcome, ExecRequest, Executor } from "./machine.ts";
export { type ExecEvent, PluginError } from "./runner.ts";

/** The library, on this machine. */
export function openLibcni(options: LibcniOptions): Libcni {
  return new Libcni(options, nodeMachine);
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const locks = new SharedLocks();
const dayMs = 24 * 60 * 60 * 1000;

const nodeMachine: Machine = {
  exec,
  environment: () => process.env as Record<string, string>,
  encode: (text) => encoder.encode(text),
  decode: (bytes) => decoder.decode(bytes),
  monotonicMs: () => performance.now(),
  realtimeMs: () => Date.now(),
  sleep: (ms) => wait(ms),
  waitFor: (promise, patience) =>
    new Promise((resolve, reject) => {
      const settle = startWaiting(patience, (errno) =>
        reject(new SysError("wait", errno, "for earlier calls of the container")),
      );
      void promise.then(() => {
        settle();
        resolve();
      });
    }),
  writeStderr: (text) => void process.stderr.write(text),
  readText: (path) => worded("open", path, async () => decoder.decode(await readFile(path))),
  listFiles: (directory) =>
    worded("open", directory, async () => {
      const entries = await readdir(directory, { withFileTypes: true });
      return entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
    }),
  stat: stateOf,
  replaceFile: (directory, name, text) =>
    worded("write", `${directory}/${name}`, () => replaceFile(directory, name, text)),
  removeFile: (path) => worded("remove", path, () => rm(path, { force: true })),
  lock: (directory, request) => locks.take(directory, request),
};

async function stateOf(path: string): Promise<FileState | undefined> {
  try {
    const { dev, ino, size, mtimeNs, ...state } = await stat(path, { bigint: true });
    const isFile = (Number(state.mode) & constantsOfMode.mask) === constantsOfMode.file;
    const identity = `${dev}:${ino}:${size}:${mtimeNs}`;
    return { isFile, identity, modifiedMs: Number(mtimeNs / 1000n) / 1000 };
  } catch {
    return undefined; // as asked: none that can be looked at
  }
}

/** S_IFMT and S_IFREG, linux/stat.h */
const constantsOfMode = { mask: 0o170000, file: 0o100000 } as const;

async function replaceFile(directory: string, name: string, text: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const temporary = `${directory}/.tmp-${randomBytes(8).toString("hex")}`;
  try {
    await using file = await open(temporary, "wx", 0o600);
    await file.writeFile(text);
    await file.sync();
    await rename(temporary, `${directory}/${name}`);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Runs the work; Node's error becomes one in the reference's words. */
async function worded<T>(call: string, subject: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { errno } = error as NodeJS.ErrnoException;
    if (errno === undefined) throw error;
    throw new SysError(call, Math.abs(errno), subject);
  }
}

/** Starts the plugin in a process group of its own, so that what it started ends with it. */
function exec({ path, env, stdin, timeoutMs, signal }: ExecRequest): Promise<ExecOutcome> {
  // Without a slash libuv would search PATH.
  const file = path.includes("/") ? path : `./${path}`;
  return new Promise((resolve) => {
    const ended = { timedOut: false, cancelled: false };
    const child = start(file, path, env);
    if (child instanceof Error) {
      resolve(notStarted(child));
      return;
    }
    const stop = (why: keyof typeof ended) => {
      ended[why] = true;
      const isKilled = killGroup(child);
      // What left the group may hold them open for ever.
      child.stdout?.destroy();
      child.stderr?.destroy();
      if (isKilled) return;
      // Nobody waits for what goes on regardless.
      child.unref();
      finish({ error: 0, status: -1, signal: 0, ...ended, stdout: stdout(), stderr: stderr() });
    };
    const onAbort = () => stop("cancelled");
    const timer = timeoutMs < dayMs ? setTimeout(() => stop("timedOut"), timeoutMs) : undefined;
    signal?.addEventListener("abort", onAbort);
    const finish = (outcome: ExecOutcome) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      resolve(outcome);
    };
    const stdout = collect(child.stdout);
    const stderr = collect(child.stderr);
    child.on("error", (error) => finish(notStarted(error)));
    child.on("close", (code, name) => {
      const number = name === null ? 0 : constants.signals[name];
      const output = { stdout: stdout(), stderr: stderr() };
      finish({ error: 0, status: code ?? -1, signal: number, ...ended, ...output });
    });
    // A plugin may end without having read its stdin.
    child.stdin?.on("error", () => {});
    child.stdin?.end(stdin);
  });
}

/** Some failures to start are thrown, others come as an event. */
function start(file: string, name: string, env: ExecRequest["env"]): ChildProcess | Error {
  try {
    return spawn(file, [], { argv0: name, env, detached: true, stdio: "pipe" });
  } catch (error) {
    return error as Error;
  }
}

function notStarted(error: NodeJS.ErrnoException): ExecOutcome {
  const outcome = { status: -1, signal: 0, timedOut: false, cancelled: false };
  const number = Math.abs(error.errno ?? constants.errno.EIO);
  return { ...outcome, error: number, stdout: "", stderr: "" };
}

/** False where it cannot be killed: a program that has changed its user (EPERM), as one with a setuid bit does. */
function killGroup({ pid }: ChildProcess): boolean {
  if (pid === undefined) return true;
  try {
    process.kill(-pid, "SIGKILL");
    return true;
  } catch (error) {
    // It has just ended. A timer calls this: nobody would catch what it threw.
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  const chunks: Uint8Array[] = [];
  stream?.on("data", (chunk: Uint8Array) => void chunks.push(chunk));
  return () => decoder.decode(Buffer.concat(chunks));
}
