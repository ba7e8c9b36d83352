/** Shared and exclusive locks among the calls of one process, first come, first served. */

import { SysError } from "../pkg/sys/errno.ts";
import type { Lock, LockRequest } from "./machine.ts";
import { startWaiting } from "./node-patience.ts";

interface Waiter {
  readonly shared: boolean;
  readonly start: () => void;
}

interface State {
  /** How many hold it; -1 for one that does not share it. */
  holders: number;
  readonly waiters: Waiter[];
}

export class SharedLocks {
  readonly #states = new Map<string, State>();

  /** Takes the lock of that key. Throws SysError ETIMEDOUT past the deadline, EINTR for the signal. */
  async take(key: string, request: LockRequest): Promise<Lock> {
    const { shared } = request;
    const state = this.#states.get(key) ?? { holders: 0, waiters: [] };
    this.#states.set(key, state);
    const release = () => this.#release(key, state);
    if (state.waiters.length === 0 && isFree(state, shared)) {
      hold(state, shared);
      return { waited: false, release };
    }
    await this.#wait(key, state, request);
    return { waited: true, release };
  }

  #wait(key: string, state: State, { shared, ...patience }: LockRequest): Promise<void> {
    return new Promise((resolve, reject) => {
      const start = () => {
        settle();
        hold(state, shared);
        resolve();
      };
      const waiter = { shared, start };
      state.waiters.push(waiter);
      const settle = startWaiting(patience, (errno) => {
        state.waiters.splice(state.waiters.indexOf(waiter), 1);
        this.#admit(state);
        reject(new SysError("lock", errno, key));
      });
    });
  }

  #release(key: string, state: State): void {
    state.holders = state.holders < 0 ? 0 : state.holders - 1;
    this.#admit(state);
    if (state.holders === 0) this.#states.delete(key);
  }

  #admit(state: State): void {
    for (let next = state.waiters[0]; next !== undefined; next = state.waiters[0]) {
      if (!isFree(state, next.shared)) return;
      state.waiters.shift();
      next.start();
    }
  }
}

function isFree({ holders }: State, shared: boolean): boolean {
  return shared ? holders >= 0 : holders === 0;
}

function hold(state: State, shared: boolean): void {
  state.holders = shared ? state.holders + 1 : -1;
}
