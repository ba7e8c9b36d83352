/** The clocks, in milliseconds with fractions. */

import { call, retry } from "./syscall.ts";

/** CLOCK_*, linux/time.h */
const Clock = { realtime: 0, monotonic: 1, boot: 7 } as const;

/** Bytes in struct timespec, with 64 bits each */
const timespecSize = 16;

/** A struct timespec holding a duration; a negative one counts as none. */
export function timespec(ms: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(timespecSize));
  const ns = BigInt(Math.round(Math.max(0, ms) * 1e6));
  view.setBigInt64(0, ns / 1_000_000_000n, true);
  view.setBigInt64(8, ns % 1_000_000_000n, true);
  return new Uint8Array(view.buffer);
}

function read(clock: number): number {
  const time = new Uint8Array(timespecSize);
  call("clock_gettime", clock, time);
  const view = new DataView(time.buffer);
  const seconds = view.getUint32(0, true) + view.getInt32(4, true) * 0x1_0000_0000;
  return seconds * 1000 + view.getUint32(8, true) / 1e6;
}

/** Since some moment before the program's start; never steps. For deadlines. */
export function monotonicMs(): number {
  return read(Clock.monotonic);
}

/** Since the machine's start, its sleep included: what other processes of the same boot read, too. */
export function bootMs(): number {
  return read(Clock.boot);
}

/** Since 1970, as the machine believes. */
export function realtimeMs(): number {
  return read(Clock.realtime);
}

/** Sleeps; signals do not cut it short. */
export function sleepMs(ms: number): void {
  // The kernel leaves what remains in the same place when it is interrupted.
  const time = timespec(ms);
  retry("nanosleep", time, time);
}
