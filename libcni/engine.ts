/** The machine that the executables run on: pkg/sys, whose calls are synchronous, so that every promise is settled. */

import { monotonicMs, realtimeMs, sleepMs } from "../pkg/sys/clock.ts";
import { Errno, isSysError } from "../pkg/sys/errno.ts";
import { Fd } from "../pkg/sys/fd.ts";
import { listDirectory, openDirectory, readText, unlink, writeAll } from "../pkg/sys/file.ts";
import { lock, lockShared } from "../pkg/sys/lock.ts";
import { environment, spawn } from "../pkg/sys/process.ts";
import { tryStat } from "../pkg/sys/statx.ts";
import { decode, encode } from "../pkg/sys/text.ts";
import { replaceFile } from "../pkg/sys/whole-file.ts";
import type { ExecOutcome, ExecRequest, FileState, Lock, LockRequest, Machine } from "./machine.ts";

const stderrFd = 2;
/** Nothing legitimate comes near. */
const longestFile = 16 * 1024 * 1024;
const directoryMode = 0o700;

/** Signals that wait to be asked for. */
export interface Interruption {
  /** Readable once one has come; ends plugins and waits. */
  readonly fd: number;
  /** Takes it, so that what cleans up is not ended as well. */
  pending(): number;
}

/** The machine; without `interruption` nothing ends a plugin but its deadline. */
export function engineMachine(interruption?: Interruption): Machine {
  const cancelFd = interruption?.fd ?? -1;
  return {
    exec: async (request) => {
      const outcome = exec(request, cancelFd);
      if (outcome.cancelled) interruption?.pending();
      return outcome;
    },
    environment,
    encode,
    decode,
    monotonicMs,
    realtimeMs,
    sleep: async (ms) => sleepMs(ms),
    waitFor: (promise) => promise,
    writeStderr: (text) => writeAll(new Fd(stderrFd), encode(text)),
    readText: async (path) => readText(path, { limit: longestFile }),
    listFiles: async (directory) =>
      // A link that leads nowhere, or a file that has just gone: reading it will tell.
      listDirectory(directory).filter((name) => !tryStat(`${directory}/${name}`)?.isDirectory),
    stat: async (path) => stateOf(path),
    replaceFile: async (directory, name, text) => {
      using dir = openDirectory(directory, directoryMode);
      replaceFile(dir, name, encode(text), { sync: true });
    },
    removeFile: async (path) => {
      unlink(path);
    },
    lock: async (directory, request) => takeLock(directory, request, cancelFd),
  };
}

function exec({ path, env, stdin, timeoutMs }: ExecRequest, cancelFd: number): ExecOutcome {
  const outcome = spawn({
    path,
    argv: [path],
    env: { ...env },
    stdin: encode(stdin),
    deadlineMs: Number.isFinite(timeoutMs) ? Math.max(1, timeoutMs) : 0,
    cancelFd,
  });
  return { ...outcome, stdout: decode(outcome.stdout), stderr: decode(outcome.stderr) };
}

function stateOf(path: string): FileState | undefined {
  const found = tryStat(path);
  if (found === undefined) return undefined;
  const { isFile, dev, ino, size, mtimeNs } = found;
  const identity = `${dev}:${ino}:${size}:${mtimeNs}`;
  return { isFile, identity, modifiedMs: Number(mtimeNs / 1000n) / 1000 };
}

function takeLock(directory: string, { shared, timeoutMs }: LockRequest, cancelFd: number): Lock {
  const dir = openLockable(directory);
  if (dir === undefined) return { waited: false, release: () => {} };
  const take = shared ? lockShared : lock;
  const release = () => dir.close();
  try {
    take(dir, 0, cancelFd);
    return { waited: false, release };
  } catch (error) {
    if (!isSysError(error, Errno.ETIMEDOUT)) throw error;
  }
  take(dir, timeoutMs, cancelFd);
  return { waited: true, release };
}

/** Where nothing can be written there is nothing to protect, and ADD says itself that it cannot remember. */
function openLockable(directory: string): Fd | undefined {
  try {
    return openDirectory(directory, directoryMode);
  } catch (error) {
    if (isSysError(error, Errno.EROFS, Errno.EACCES, Errno.EPERM)) return undefined;
    throw error;
  }
}
