/** Changes of an interface that outlive the daemon: what is under way stands in the lease file until it is done. */

import type { Namespace } from "../../../pkg/ns/namespace.ts";
import type { Granted } from "../order.ts";
import { apply, withdraw, without } from "./interface.ts";
import type { LeaseClient } from "./lease-client.ts";

/** By family, what may still be on the interface of leases that hold no more. There for as long as a change is under way. */
export type Leaving = Readonly<Record<string, Granted>>;

/** What a change needs of its attachment. */
export interface Ground {
  readonly index: number;
  /** Runs the work where the interface is, and tells what fails. */
  inside(work: (namespace: Namespace) => void): void;
  /** Writes the lease file, and tells where that fails. */
  keep(): void;
}

const nothing: Granted = { ips: [], routes: [] };

export class Changes {
  readonly #ground: Ground;
  readonly #leaving: Map<string, Granted>;

  constructor(ground: Ground, saved: Leaving = {}) {
    this.#ground = ground;
    this.#leaving = new Map(Object.entries(saved));
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
   */
  begin(client: LeaseClient, before: Granted = nothing): void {
    const family = String(client.family);
    const open = this.#leaving.get(family) ?? nothing;
    const ips = [...open.ips, ...before.ips];
    this.#leaving.set(family, { ips, routes: [...open.routes, ...before.routes] });
    this.#ground.keep();
    this.finish(client);
  }

  /** Does what is under way, all of it: it may have been done already, in part or whole. */
  finish(client: LeaseClient): void {
    const family = String(client.family);
    const leaving = this.#leaving.get(family);
    if (leaving === undefined) return;
    const { index } = this.#ground;
    const { granted = nothing } = client;
    this.#ground.inside((namespace) => {
      withdraw(namespace, index, without(leaving, granted));
      apply(namespace, index, granted);
      this.#leaving.delete(family);
    });
    this.#ground.keep();
  }
}
