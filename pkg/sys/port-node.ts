/** The port under Node, for unit tests, debugging and npm users: libc's `syscall` through koffi. */

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { constants } from "node:os";
import koffi from "koffi";
import type { Port, SpawnRequest, SpawnResult, SyscallArgument } from "./port.ts";

const SYS_ppoll = process.arch === "arm64" ? 73 : 271;

// Declared with six fixed arguments: on both architectures a variadic call passes integers in the same registers.
const libcSyscall = koffi
  .load(null)
  .func("int64_t syscall(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t)");

/** V8 keeps a small array on its moving heap until its buffer is asked for; from then on the bytes stay put. */
function pin(bytes: Uint8Array): bigint {
  if (bytes.buffer.byteLength === 0) return 0n;
  return koffi.address(bytes.buffer) + BigInt(bytes.byteOffset);
}

type Register = Exclude<SyscallArgument, string>;

function register(argument: Register | undefined): number | bigint {
  if (argument === undefined || argument === null) return 0;
  if (typeof argument === "number") return argument;
  if (typeof argument === "bigint") return BigInt.asIntN(64, argument);
  return pin(argument);
}

/** A text as bytes, everything else as it is. */
function inMemory(argument: SyscallArgument | undefined): Register | undefined {
  return typeof argument === "string" ? encoder.encode(`${argument}\0`) : argument;
}

function syscall(nr: number, ...args: (SyscallArgument | undefined)[]): number {
  const isTorn = (it: unknown) =>
    typeof it === "string" && (it.includes("\0") || /\p{Surrogate}/u.test(it));
  if (args.some(isTorn)) return -constants.errno.EINVAL;
  // Kept by name until the call is over: what nobody holds may be collected.
  const held = args.map(inMemory);
  const [a, b, c, d, e, f] = held.map(register);
  const value = libcSyscall(nr, a ?? 0, b ?? 0, c ?? 0, d ?? 0, e ?? 0, f ?? 0);
  held.length = 0;
  return Number(value) === -1 ? -koffi.errno() : Number(value);
}

function isReadable(fd: number): boolean {
  const pollfd = new DataView(new ArrayBuffer(8));
  pollfd.setInt32(0, fd, true);
  pollfd.setInt16(4, 1, true);
  return syscall(SYS_ppoll, new Uint8Array(pollfd.buffer), 1, new Uint8Array(16), null, 8) > 0;
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGKILL");
  } catch (error) {
    // Nobody is left in the group: the usual case.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function heldBy({ heldFd }: SpawnRequest): number[] {
  return heldFd === undefined ? [] : [heldFd];
}

/** Blocks all of Node. The cancel descriptor is looked at before the start only: nothing can be watched meanwhile. */
function spawn(request: SpawnRequest): SpawnResult {
  const none = new Uint8Array(0);
  const ended = { error: 0, status: -1, signal: 0, timedOut: false, cancelled: false };
  if (request.cancelFd >= 0 && isReadable(request.cancelFd)) {
    return {
      ...ended,
      signal: constants.signals.SIGKILL,
      cancelled: true,
      stdout: none,
      stderr: none,
    };
  }
  // Without a slash libuv would search PATH; the engine does not.
  const path = request.path.includes("/") ? request.path : `./${request.path}`;
  const child = spawnSync(path, request.argv.slice(1), {
    argv0: request.argv[0],
    env: request.env,
    ...(request.descriptors === undefined
      ? { input: request.stdin, stdio: ["pipe", "pipe", "pipe", ...heldBy(request)] }
      : { stdio: [...request.descriptors] }),
    timeout: request.deadlineMs,
    killSignal: "SIGKILL",
    maxBuffer: Number.POSITIVE_INFINITY,
    // Node documents it for spawn() only, but its own process group is what it gives here too.
    ...{ detached: true },
  });
  const failure = child.error as NodeJS.ErrnoException | undefined;
  const timedOut = failure?.code === "ETIMEDOUT";
  if (timedOut) killGroup(child.pid);
  // A child that leaves its input unread still ran.
  const error = timedOut || failure?.code === "EPIPE" ? 0 : Math.abs(failure?.errno ?? 0);
  return {
    ...ended,
    error,
    status: child.status ?? -1,
    signal: child.signal === null ? 0 : constants.signals[child.signal],
    timedOut,
    stdout: new Uint8Array(child.stdout ?? none),
    stderr: new Uint8Array(child.stderr ?? none),
  };
}

function environment(): Record<string, string> {
  const known: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined) known[name] = value;
  }
  return known;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export const port: Port = {
  syscall,
  addressOf: (bytes) => Number(pin(bytes)),
  spawn,
  utf8Encode: (text) => encoder.encode(text),
  utf8Decode: (bytes) => decoder.decode(bytes),
  sha512: (text) => createHash("sha512").update(encoder.encode(text)).digest("hex"),
  args: () => process.argv.slice(1),
  env: environment,
  exit: (code) => process.exit(code),
  gcThreshold: () => {},
  fetchAhead: () => {},
  arch: process.arch === "arm64" ? "arm64" : "x64",
  build: "",
};
