/** A DHCPv6 client's state, what can happen to it, and what it wants done. */

import type { MachineEvent, MachineStep } from "../dhcp/machine.ts";
import type { Lease } from "./lease.ts";
import type { Message, OptionEntry } from "./message.ts";

/** What stays the same over a client's life. */
export interface Identity {
  readonly duid: Uint8Array;
  /** Four bytes: the interface among the client's. */
  readonly iaid: Uint8Array;
  /** Codes to ask for, besides those that the protocol needs. */
  readonly request: readonly number[];
  /** Options to send along. */
  readonly provide: readonly OptionEntry[];
  readonly rapidCommit: boolean;
  /** Whether settings are all that is wanted (RFC 8415, 6.1: stateless). */
  readonly stateless: boolean;
}

/** How long to wait for what. Milliseconds. */
export interface Patience {
  /** For a lease, from the start; a client that had one never gives up. */
  readonly giveUp: number;
  /** For somebody to answer for an address that was given; 0 does not ask. */
  readonly probe: number;
  /** Whether it never gives up though it has no lease now: it had one, before. */
  readonly persistent?: boolean;
}

export type Phase =
  | "init"
  | "soliciting"
  | "requesting"
  | "probing"
  | "bound"
  | "renewing"
  | "rebinding"
  | "informing"
  | "stopped";

/** What a server would give. */
export interface Offer {
  readonly server: string;
  readonly preference: number;
  readonly addresses: readonly string[];
}

/** A client between two events. */
export interface Client {
  readonly phase: Phase;
  readonly identity: Identity;
  readonly patience: Patience;
  /** When it wants to be woken; null for never. */
  readonly wakeAt: number | null;
  readonly transaction: number;
  /** When the search began, when the exchange did, and when its latest message left. */
  readonly searchBegan: number;
  readonly began: number;
  readonly sentAt: number;
  /** The latest wait, and how often the present message was sent. */
  readonly pause: number;
  readonly tries: number;
  /** SOL_MAX_RT, which servers may set (RFC 8415, 21.24). Milliseconds. */
  readonly longestPause: number;
  readonly persistent: boolean;
  readonly offer: Offer | undefined;
  readonly lease: Lease | undefined;
  /** How many messages of others, and of no use, came. */
  readonly ignored: number;
}

/** A probe finds out which addresses somebody else has. */
export type Event = MachineEvent<Message, readonly string[]>;

export type Action =
  /** To all servers and relays on the link (RFC 8415, 7.1: ff02::1:2). */
  | { readonly do: "send"; readonly message: Uint8Array }
  | { readonly do: "probe"; readonly addresses: readonly string[]; readonly ms: number }
  /** There is a lease, the first, a further or a changed one: `before` is what held until now. */
  | { readonly do: "bound"; readonly lease: Lease; readonly before: Lease | undefined }
  /** The addresses must not be used any longer. */
  | { readonly do: "lost"; readonly lease: Lease; readonly reason: string }
  /** No lease was to be had; the client has stopped. */
  | { readonly do: "failed"; readonly reason: string }
  | { readonly do: "log"; readonly text: string };

export type Step = MachineStep<Client, Action>;

/** RFC 8415, 7.6 */
const defaultLongestPause = 3_600_000;

/** A client without a lease, or with one from before whose times tell how it goes on. */
export function newClient(identity: Identity, patience: Patience, lease?: Lease): Client {
  return {
    phase: "init",
    identity,
    patience,
    wakeAt: null,
    transaction: 0,
    searchBegan: 0,
    began: 0,
    sentAt: 0,
    pause: 0,
    tries: 0,
    longestPause: defaultLongestPause,
    persistent: patience.persistent === true || lease !== undefined,
    offer: undefined,
    lease,
    ignored: 0,
  };
}

/** Whether it waits for messages: it needs a socket. */
export function isListening({ phase }: Client): boolean {
  return phase !== "init" && phase !== "bound" && phase !== "stopped";
}
