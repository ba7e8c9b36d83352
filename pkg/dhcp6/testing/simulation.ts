/** A DHCPv6 client with a clock of its own, and messages of servers for it. */

import { parseAddress, toBytes } from "../../ip/address.ts";
import { step } from "../client.ts";
import { decodeMessage, encodeOptions, type Message, type OptionEntry } from "../message.ts";
import { MessageType, Option } from "../option.ts";
import {
  type Action,
  type Client,
  type Event,
  type Identity,
  newClient,
  type Patience,
} from "../state.ts";

export const duid = Uint8Array.of(0, 4, 1, 2, 3, 4);
export const iaid = Uint8Array.of(9, 8, 7, 6);
export const server = Uint8Array.of(0, 3, 0, 1, 0xaa);
export const otherServer = Uint8Array.of(0, 3, 0, 1, 0xbb);
export const address = "fd00:9::10";

export const identity: Identity = {
  duid,
  iaid,
  request: [Option.dnsServers],
  provide: [],
  rapidCommit: false,
  stateless: false,
};

export const patience: Patience = { giveUp: 60_000, probe: 0 };

/** What of a reply is not as usual. */
export interface Difference {
  readonly type?: number;
  readonly server?: Uint8Array;
  readonly addresses?: readonly string[];
  readonly transaction?: number;
  readonly duid?: Uint8Array;
  readonly iaid?: Uint8Array;
  readonly preferred?: number;
  readonly valid?: number;
  readonly renewal?: number;
  readonly rebinding?: number;
  /** A status inside the association. */
  readonly status?: number;
  /** Further options of the message. */
  readonly options?: readonly OptionEntry[];
}

export class Simulation {
  client: Client;
  now = 1_000_000;
  random = 0x1234_5678;

  constructor(changes: Partial<Identity> = {}, waits: Partial<Patience> = {}) {
    this.client = newClient({ ...identity, ...changes }, { ...patience, ...waits });
  }

  /** Lets something happen; the value is what follows from it. */
  happen(event: Event): readonly Action[] {
    this.random = (Math.imul(this.random, 1_103_515_245) + 12_345) >>> 0;
    const { client, actions } = step(this.client, event, { now: this.now, random: this.random });
    this.client = client;
    return actions;
  }

  start(): readonly Action[] {
    return this.happen({ type: "start" });
  }

  /** Goes on to when the client wants to be woken. */
  wake(): readonly Action[] {
    this.now = Math.max(this.now, this.client.wakeAt ?? this.now);
    return this.happen({ type: "timer" });
  }

  hear(difference: Difference = {}): readonly Action[] {
    return this.happen({ type: "message", message: this.reply(difference) });
  }

  /** Goes through to a lease. */
  bind(difference: Difference = {}): this {
    this.start();
    this.hear({ type: MessageType.advertise, options: [[Option.preference, Uint8Array.of(255)]] });
    this.hear(difference);
    return this;
  }

  /** The reply that the client waits for, but for what is given. */
  reply(difference: Difference): Message {
    const { type = MessageType.reply, server: from = server, options = [] } = difference;
    return {
      type,
      transaction: difference.transaction ?? this.client.transaction,
      options: [
        [Option.clientId, difference.duid ?? duid],
        [Option.serverId, from],
        [Option.iaNa, association(difference)],
        ...options,
      ],
    };
  }
}

function association(difference: Difference): Uint8Array {
  const { addresses = [address], preferred = 60, valid = 120, status } = difference;
  const { renewal = 30, rebinding = 48 } = difference;
  const inner: OptionEntry[] = addresses.map((text) => {
    const at = parseAddress(text);
    const bytes = at === undefined ? new Uint8Array(16) : toBytes(at);
    return [Option.iaAddress, Uint8Array.from([...bytes, ...u32(preferred), ...u32(valid)])];
  });
  if (status !== undefined) inner.push([Option.statusCode, Uint8Array.of(0, status)]);
  const head = [...(difference.iaid ?? iaid), ...u32(renewal), ...u32(rebinding)];
  return Uint8Array.from([...head, ...encodeOptions(inner)]);
}

/** Four bytes, as times are sent. */
export function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** The messages among what is to be done. */
export function sentIn(actions: readonly Action[]): Message[] {
  return actions.flatMap((action) => {
    const message = action.do === "send" ? decodeMessage(action.message) : undefined;
    return message === undefined ? [] : [message];
  });
}

/** What is to be done, in a word each; messages by their name. */
export function told(actions: readonly Action[]): string[] {
  return actions.map((action) => {
    if (action.do !== "send") return action.do;
    const type = decodeMessage(action.message)?.type;
    return Object.entries(MessageType).find(([, code]) => code === type)?.[0] ?? "?";
  });
}
