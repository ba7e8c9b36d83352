/** What a lease of either family is to the daemon, and what it finds there to work with. */

import type { EventLoop } from "../../../pkg/sys/event-loop.ts";
import type { Granted } from "../order.ts";
import type { Settings } from "./settings.ts";

/** One family's lease of one attachment: it keeps itself, by timers and sockets of its own. */
export interface LeaseClient {
  readonly family: 4 | 6;
  /** In a word, for the status: bound, renewing ... */
  readonly phase: string;
  /** What holds now. */
  readonly granted: Granted | undefined;
  /** When that ends, on bootMs's clock; null for never, or where there is nothing. */
  readonly expiresAt: number | null;
  /** Begins, or goes on with what was saved. */
  start(): void;
  /** Gives back what there is and stops. */
  release(): void;
  /** Stops without a word and closes what is open. */
  close(): void;
  /** What a daemon that is started anew needs to go on; undefined for nothing. It is written as JSON. */
  save(): unknown;
  /** Who answers, how often and so on, for the status. */
  describe(): Readonly<Record<string, string | number | undefined>>;
}

/** What a client is to get. */
export interface Task<W> {
  readonly wanted: W;
  readonly priority: number;
  /** Whether it goes on for ever: the container runs, and had a lease once. */
  readonly persistent: boolean;
}

/** The interface that leases are for. */
export interface Interface {
  readonly index: number;
  readonly name: string;
  readonly mac: Uint8Array;
  /** ARPHRD_*: 1 is Ethernet. */
  readonly hardwareType: number;
  readonly kind: string | undefined;
}

/** Where a client lives. */
export interface Surroundings {
  readonly loop: EventLoop;
  readonly settings: Settings;
  readonly link: Interface;
  /** Runs the work inside the container's namespace. Throws GoneError where that is no more. */
  inside<T>(work: () => T): T;
  log(text: string): void;
  /** The first lease, a further one, or another: `before` is what held until now. */
  onGranted(client: LeaseClient, before: Granted | undefined): void;
  /** What was granted must not be used any longer; the client goes on looking. */
  onLost(client: LeaseClient, lost: Granted, reason: string): void;
  /** There is none to be had, and the client has stopped. */
  onFailed(client: LeaseClient, reason: string): void;
  /** What `inside` threw: everything ends. To be called by whoever is called by the loop. */
  onGone(error: GoneError): void;
}

/** The namespace or the interface is no more: there is nothing left to keep a lease for. */
export class GoneError extends Error {
  override readonly name = "GoneError";
}
