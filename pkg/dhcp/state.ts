/** A DHCPv4 client's state, what can happen to it, and what it wants done. */

import type { Lease } from "./lease.ts";
import type { MachineEvent, MachineStep } from "./machine.ts";
import type { Message } from "./message.ts";
import type { Exchange, Identity } from "./request.ts";

/** How long to wait for what. Milliseconds. */
export interface Patience {
  /** For the first answer to a message; doubled with each repetition. */
  readonly first: number;
  /** What the doubling stops at. */
  readonly most: number;
  /** For a lease, from the start; a client that had one never gives up. */
  readonly giveUp: number;
  /** For somebody to answer for an offered address; 0 does not ask. */
  readonly probe: number;
  /** Whether it never gives up though it has no lease now: it had one, before. */
  readonly persistent?: boolean;
}

export type Phase =
  | "init"
  | "selecting"
  | "requesting"
  | "probing"
  | "rebooting"
  | "bound"
  | "renewing"
  | "rebinding"
  | "stopped";

/** A client between two events. */
export interface Client {
  readonly phase: Phase;
  readonly identity: Identity;
  readonly patience: Patience;
  /** When it wants to be woken; null for never. */
  readonly wakeAt: number | null;
  readonly exchange: Exchange;
  /** When the search for a lease began, and when its latest message left. */
  readonly began: number;
  readonly sentAt: number;
  /** How often the present message was sent, and how often the search started over. */
  readonly tries: number;
  readonly rounds: number;
  /** Whether it goes on for ever: it had a lease once. */
  readonly persistent: boolean;
  readonly offer: { readonly address: number; readonly server: number } | undefined;
  readonly lease: Lease | undefined;
  /** How many messages of others, and of no use, came. */
  readonly ignored: number;
}

/** A probe finds out whether somebody has the address. */
export type Event = MachineEvent<Message, boolean>;

/** Where a message goes: to all, or from the leased address to the server. */
export type Route = "all" | { readonly from: number; readonly to: number };

export type Action =
  | { readonly do: "send"; readonly message: Uint8Array; readonly route: Route }
  /** Ask who has the address, for so long; answered by the event `probed`. */
  | { readonly do: "probe"; readonly address: number; readonly ms: number }
  /** There is a lease, the first, a further or a changed one: `before` is what held until now. */
  | { readonly do: "bound"; readonly lease: Lease; readonly before: Lease | undefined }
  /** The address must not be used any longer. */
  | { readonly do: "lost"; readonly lease: Lease; readonly reason: string }
  /** No lease was to be had; the client has stopped. */
  | { readonly do: "failed"; readonly reason: string }
  | { readonly do: "log"; readonly text: string };

export type Step = MachineStep<Client, Action>;

const initial = {
  exchange: { xid: 0, seconds: 0 },
  began: 0,
  sentAt: 0,
  tries: 0,
  rounds: 0,
  offer: undefined,
  ignored: 0,
} as const;

/** A client without a lease, or with one from before whose times tell how it goes on. */
export function newClient(identity: Identity, patience: Patience, lease?: Lease): Client {
  const persistent = patience.persistent === true || lease !== undefined;
  return { ...initial, phase: "init", identity, patience, wakeAt: null, persistent, lease };
}

/** Whether it waits for messages: it needs a socket. */
export function isListening({ phase }: Client): boolean {
  return phase !== "bound" && phase !== "stopped" && phase !== "init";
}
