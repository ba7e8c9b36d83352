/** One thread that waits for descriptors and for times: epoll and one timerfd. */

import { port } from "#port";
import { bootMs } from "./clock.ts";
import { Errno } from "./errno.ts";
import type { Fd } from "./fd.ts";
import { attempt, call, check, retry } from "./syscall.ts";
import { type Timer, Timers } from "./timers.ts";

/** EPOLL*, linux/eventpoll.h */
export const Readiness = { in: 1, out: 4, error: 8, hangUp: 16, peerHangUp: 0x2000 } as const;

/** EPOLL_CTL_* */
const Control = { add: 1, delete: 2, modify: 3 } as const;

/** CLOCK_BOOTTIME, TFD_TIMER_ABSTIME, TFD_NONBLOCK, TFD_CLOEXEC and EPOLL_CLOEXEC */
const clockBoot = 7;
const absolute = 1;
const nonBlocking = 0o4000;
const closeOnExec = 0o2000000;

/** struct epoll_event is packed on x64 only. */
const eventSize = port.arch === "arm64" ? 16 : 12;
const dataOffset = eventSize - 8;
const mostEvents = 64;

/** After how long without anything to do the loop counts as idle, and what may wait for that. */
const idleMs = 5;
const mostClosing = 128;

/** Runs what descriptors and times call for, one thing after the other. */
export class EventLoop implements Disposable {
  readonly #epoll = check(attempt("epoll_create1", closeOnExec), "create epoll");
  readonly #timer = check(
    attempt("timerfd_create", clockBoot, nonBlocking | closeOnExec),
    "create timer",
  );
  readonly #handlers = new Map<number, (events: number) => void>();
  readonly #timers = new Timers();
  readonly #buffer = new Uint8Array(mostEvents * eventSize);
  readonly #setting = new DataView(new ArrayBuffer(32)); // struct itimerspec
  readonly #onError: (error: unknown) => void;
  readonly #closing: Fd[] = [];
  #armed: number | null = null;
  #stopped = false;

  /** `onError` is told what handlers throw; the loop goes on. */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
    this.watch(this.#timer, Readiness.in, () => {
      attempt("read", this.#timer, new Uint8Array(8), 8);
      this.#armed = null;
    });
  }

  /** Calls the handler whenever the descriptor is ready; watched already, it gets these events and this handler. */
  watch(fd: number, events: number, handler: (events: number) => void): void {
    const operation = this.#handlers.has(fd) ? Control.modify : Control.add;
    const event = new Uint8Array(eventSize);
    const view = new DataView(event.buffer);
    view.setUint32(0, events, true);
    view.setInt32(dataOffset, fd, true);
    call("epoll_ctl", this.#epoll, operation, fd, event);
    this.#handlers.set(fd, handler);
  }

  /** As `watch`, of what was opened for it: where that fails it is closed, as nobody would hear what comes. */
  watchOwn(fd: Fd, events: number, handler: (events: number) => void): Fd {
    try {
      this.watch(fd.fd, events, handler);
      return fd;
    } catch (error) {
      fd[Symbol.dispose]();
      throw error;
    }
  }

  /** No longer. Before the descriptor is closed: its number may be another's soon. */
  unwatch(fd: number): void {
    if (!this.#handlers.delete(fd)) return;
    attempt("epoll_ctl", this.#epoll, Control.delete, fd, new Uint8Array(eventSize));
  }

  /** Closes a descriptor that takes long to close once there is nothing else to do; it is no longer watched. */
  closeWhenIdle(fd: Fd): void {
    this.unwatch(fd.fd);
    this.#closing.push(fd);
    if (this.#closing.length > mostClosing) this.#closing.shift()?.[Symbol.dispose]();
  }

  /** A timer that runs something, at times on bootMs's clock. */
  timer(run: () => void): Timer {
    return this.#timers.add(run);
  }

  /** Ends `run` once what is being done is done. */
  stop(): void {
    this.#stopped = true;
  }

  run(): void {
    this.#stopped = false;
    while (!this.#stopped) this.#turn();
  }

  /** Waits for the next thing and does it. */
  #turn(): void {
    this.#arm();
    const buffer = this.#buffer;
    const patience = this.#closing.length > 0 ? idleMs : -1;
    const count = retry("epoll_pwait", this.#epoll, buffer, mostEvents, patience, null, 8);
    check(count, "wait for events");
    if (count === 0) this.#closing.shift()?.[Symbol.dispose]();
    const view = new DataView(buffer.buffer);
    for (let index = 0; index < count; index++) {
      const at = index * eventSize;
      const handler = this.#handlers.get(view.getInt32(at + dataOffset, true));
      const events = view.getUint32(at, true);
      if (handler !== undefined) this.#guard(() => handler(events));
    }
    this.#runDue();
  }

  #runDue(): void {
    const now = bootMs();
    // What is due only because of what ran has to wait for the next turn, like everything else.
    for (let run = this.#timers.takeDue(now); run; run = this.#timers.takeDue(now)) {
      this.#guard(run);
    }
  }

  #guard(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#onError(error);
    }
  }

  /** Sets the one timer to the earliest time, if that is another than before. */
  #arm(): void {
    const next = this.#timers.next();
    if (next === this.#armed) return;
    // A time of 0 would stop it: what is due since long is due in a moment.
    const ns = next === null ? 0n : BigInt(Math.max(1, Math.ceil(next * 1e6)));
    this.#setting.setBigInt64(16, ns / 1_000_000_000n, true);
    this.#setting.setBigInt64(24, ns % 1_000_000_000n, true);
    const bytes = new Uint8Array(this.#setting.buffer);
    call("timerfd_settime", this.#timer, absolute, bytes, null);
    this.#armed = next;
  }

  [Symbol.dispose](): void {
    for (const fd of this.#closing.splice(0)) fd[Symbol.dispose]();
    for (const fd of [this.#timer, this.#epoll]) {
      const result = attempt("close", fd);
      if (result !== -Errno.EINTR) check(result, "close");
    }
  }
}
