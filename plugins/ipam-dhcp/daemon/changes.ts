/** Changes of an interface that outlive the daemon: what is under way stands in the lease file until it is done. */

import { toCniError } from "../../../pkg/cni/error.ts";
import type { Namespace } from "../../../pkg/ns/namespace.ts";
import { bootMs } from "../../../pkg/sys/clock.ts";
import type { EventLoop } from "../../../pkg/sys/event-loop.ts";
import type { Timer } from "../../../pkg/sys/timers.ts";
import type { Granted } from "../order.ts";
import { apply, withdraw, without } from "./interface.ts";
import { GoneError, type LeaseClient } from "./lease-client.ts";

/** By family, what may still be on the interface of leases that hold no more. There for as long as a change is under way. */
export type Leaving = Readonly<Record<string, Granted>>;

/** What changes need of their attachment. */
export interface Ground {
  readonly loop: EventLoop;
  readonly index: number;
  /** Runs the work where the interface is; throws GoneError where that is no more. */
  inside(work: (namespace: Namespace) => void): void;
  /** Runs work that the loop calls for, and takes what it throws. */
  guard(work: () => void): void;
  /** Writes the lease file. */
  keep(): void;
  log(text: string): void;
}

const nothing: Granted = { ips: [], routes: [] };
/** How long to wait before what failed is tried again, and at most; doubled each time. */
const firstPause = 1_000;
const longestPause = 60_000;

export class Changes {
  readonly #ground: Ground;
  readonly #leaving: Map<string, Granted>;
  /** Those whose changes are to be tried again. */
  readonly #late = new Set<LeaseClient>();
  readonly #timer: Timer;
  #pause = 0;

  constructor(ground: Ground, saved: Leaving = {}) {
    this.#ground = ground;
    this.#leaving = new Map(Object.entries(saved));
    this.#timer = ground.loop.timer(() => {
      for (const client of [...this.#late]) ground.guard(() => this.finish(client));
    });
  }

  /** For the lease file; undefined where nothing is under way. */
  get leaving(): Leaving | undefined {
    return this.#leaving.size > 0 ? Object.fromEntries(this.#leaving) : undefined;
  }

  isUnderWay({ family }: LeaseClient): boolean {
    return this.#leaving.has(String(family));
  }

  /**
   * Takes from the interface what held before, and gives it what holds now. The file says so before anything is done: a
   * daemon that dies between leaves to the next neither an address that nobody knows of, nor a lease without its address.
   * Tells whether it is done.
   */
  begin(client: LeaseClient, before: Granted = nothing): boolean {
    const family = String(client.family);
    const open = without(this.#leaving.get(family) ?? nothing, before);
    const ips = [...open.ips, ...before.ips];
    this.#leaving.set(family, { ips, routes: [...open.routes, ...before.routes] });
    this.#ground.guard(() => this.#ground.keep());
    this.finish(client);
    return !this.isUnderWay(client);
  }

  /** Does what is under way, all of it: it may have been done already, in part or whole. What fails is tried again. */
  finish(client: LeaseClient): void {
    const family = String(client.family);
    const leaving = this.#leaving.get(family);
    if (leaving === undefined) return;
    const { index, inside, keep } = this.#ground;
    const { granted = nothing } = client;
    try {
      inside((namespace) => {
        withdraw(namespace, index, without(leaving, granted));
        apply(namespace, index, granted);
      });
      this.#leaving.delete(family);
      keep();
    } catch (error) {
      if (error instanceof GoneError) throw error;
      this.#leaving.set(family, leaving);
      this.#postpone(client, error);
      return;
    }
    this.#late.delete(client);
    if (this.#late.size === 0) this.#pause = 0;
  }

  close(): void {
    this.#timer.at = null;
    this.#late.clear();
  }

  #postpone(client: LeaseClient, error: unknown): void {
    const { log } = this.#ground;
    if (this.#pause === 0)
      log(`cannot finish a change of the interface yet: ${toCniError(error).message}`);
    this.#pause = Math.min(longestPause, this.#pause * 2 || firstPause);
    this.#late.add(client);
    this.#timer.at = bootMs() + this.#pause;
  }
}
