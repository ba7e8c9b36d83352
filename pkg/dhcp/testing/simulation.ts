/** A client with a clock of its own, and messages of servers for it. */

import { step } from "../client.ts";
import { decodeMessage, type Message } from "../message.ts";
import { MessageType, Option } from "../option.ts";
import type { Identity } from "../request.ts";
import { type Action, type Client, type Event, newClient, type Patience } from "../state.ts";
import { u32Bytes } from "../value.ts";

export const mac = Uint8Array.of(2, 0, 0, 0, 0, 1);
export const server = 0x0a090001;
export const otherServer = 0x0a090002;
export const address = 0x0a090050;

export const identity: Identity = {
  hardware: mac,
  hardwareType: 1,
  clientId: Uint8Array.of(0, 99, 49),
  request: [1, 3, 6],
  provide: [],
  broadcast: false,
  rapidCommit: false,
};

export const patience: Patience = { first: 4_000, most: 64_000, giveUp: 208_000, probe: 0 };

/** What of a reply is not as usual. */
export interface Difference {
  readonly type?: number;
  readonly server?: number;
  readonly address?: number;
  readonly xid?: number;
  readonly op?: number;
  readonly hardware?: Uint8Array;
  readonly clientId?: Uint8Array;
  readonly lease?: number;
  /** Further options; undefined takes one away. */
  readonly options?: readonly (readonly [number, Uint8Array | undefined])[];
}

export class Simulation {
  client: Client;
  now = 1_000_000;
  random = 0x1234_5678;
  /** Everything the client wanted done, in order. */
  readonly actions: Action[] = [];

  constructor(changes: Partial<Identity> = {}, waits: Partial<Patience> = {}) {
    this.client = newClient({ ...identity, ...changes }, { ...patience, ...waits });
  }

  /** Lets something happen; the value is what follows from it alone. */
  happen(event: Event): Action[] {
    this.random = (Math.imul(this.random, 1_103_515_245) + 12_345) >>> 0;
    const { client, actions } = step(this.client, event, { now: this.now, random: this.random });
    this.client = client;
    this.actions.push(...actions);
    return [...actions];
  }

  start(): Action[] {
    return this.happen({ type: "start" });
  }

  hear(difference: Difference = {}): Action[] {
    return this.happen({ type: "message", message: this.reply(difference) });
  }

  /** The reply that the client waits for, but for what is given. */
  reply(difference: Difference): Message {
    const { type = MessageType.ack, server: from = server, lease = 120 } = difference;
    const options = new Map<number, Uint8Array>([
      [Option.messageType, Uint8Array.of(type)],
      [Option.serverId, u32Bytes(from)],
    ]);
    if (type !== MessageType.nak) {
      options.set(Option.leaseTime, u32Bytes(lease));
      options.set(Option.subnetMask, u32Bytes(0xffffff00));
      options.set(Option.routers, u32Bytes(server));
    }
    if (difference.clientId) options.set(Option.clientId, difference.clientId);
    for (const [code, value] of difference.options ?? []) {
      if (value === undefined) options.delete(code);
      else options.set(code, value);
    }
    return {
      op: difference.op ?? 2,
      hardwareType: 1,
      hardware: difference.hardware ?? this.client.identity.hardware,
      xid: difference.xid ?? this.client.exchange.xid,
      seconds: 0,
      broadcast: false,
      clientAddress: 0,
      yourAddress: type === MessageType.nak ? 0 : (difference.address ?? address),
      nextServer: 0,
      relay: 0,
      options,
    };
  }

  /** Goes to the time at which the client wants to be woken. */
  wake(): Action[] {
    if (this.client.wakeAt === null) throw new Error("the client does not want to be woken");
    this.now = Math.max(this.now, this.client.wakeAt);
    return this.happen({ type: "timer" });
  }

  /** To a lease of an address, without detours. */
  bind(lease = 120): this {
    this.start();
    this.hear({ type: MessageType.offer, lease });
    this.hear({ type: MessageType.ack, lease });
    return this;
  }
}

/** A message as it was sent. */
export function sentIn(actions: readonly Action[]): { message: Message; to: string }[] {
  return actions.flatMap((action) => {
    if (action.do !== "send") return [];
    const message = decodeMessage(action.message);
    if (message === undefined) throw new Error("the client sent what is no message");
    return [{ message, to: action.route === "all" ? "all" : "server" }];
  });
}

/** Type and way of each message in a list of actions: `discover to all`. */
export function told(actions: readonly Action[]): string[] {
  const names = Object.entries(MessageType);
  return actions.map((action) => {
    if (action.do !== "send") return action.do;
    const [{ message, to } = { message: undefined, to: "" }] = sentIn([action]);
    const type = message?.options.get(Option.messageType)?.[0];
    return `${names.find(([, number]) => number === type)?.[0]} to ${to}`;
  });
}
