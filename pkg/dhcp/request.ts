/** The messages a client sends (RFC 2131, table 5). */

import type { Lease } from "./lease.ts";
import type { Message } from "./message.ts";
import { longestMessage } from "./message.ts";
import { MessageType, Option } from "./option.ts";
import { u32Bytes } from "./value.ts";

/** What stays the same over a client's life. */
export interface Identity {
  /** The interface's hardware address, and its type (ARPHRD_*). */
  readonly hardware: Uint8Array;
  readonly hardwareType: number;
  /** Option 61, its type byte included. */
  readonly clientId: Uint8Array;
  /** Codes for option 55, in order. */
  readonly request: readonly number[];
  /** Options for DISCOVER and REQUEST, by code; without 61. */
  readonly provide: readonly (readonly [code: number, value: Uint8Array])[];
  /** Whether to ask for answers by broadcast: an interface without an address may not take others. */
  readonly broadcast: boolean;
  /** Whether one message each way will do (RFC 4039). */
  readonly rapidCommit: boolean;
}

/** What is particular to one message. */
interface Particulars {
  readonly type: number;
  readonly xid: number;
  readonly seconds?: number;
  /** ciaddr */
  readonly clientAddress?: number;
  readonly requested?: number;
  readonly server?: number;
  readonly broadcast?: boolean;
}

/** An exchange under way: its number, and when the client began. */
export interface Exchange {
  readonly xid: number;
  readonly seconds: number;
}

/** Asks for offers; `wanted` is the address it would like, 0 for any. */
export function discover(identity: Identity, exchange: Exchange, wanted: number): Message {
  const message = build(identity, {
    ...exchange,
    type: MessageType.discover,
    requested: wanted,
    broadcast: identity.broadcast,
  });
  if (!identity.rapidCommit) return message;
  return { ...message, options: new Map([...message.options, [Option.rapidCommit, none]]) };
}

const none = new Uint8Array(0);

/** Takes an offer. */
export function requestOffered(
  identity: Identity,
  exchange: Exchange,
  offer: { readonly address: number; readonly server: number },
): Message {
  return build(identity, {
    ...exchange,
    type: MessageType.request,
    requested: offer.address,
    server: offer.server,
    broadcast: identity.broadcast,
  });
}

/** Asks whether an address from before is still right (INIT-REBOOT). */
export function requestAgain(identity: Identity, exchange: Exchange, address: number): Message {
  return build(identity, {
    ...exchange,
    type: MessageType.request,
    requested: address,
    broadcast: identity.broadcast,
  });
}

/** Asks for more time (RENEWING, REBINDING): it names neither the server nor the address in options. */
export function requestMore(identity: Identity, exchange: Exchange, lease: Lease): Message {
  return build(identity, { ...exchange, type: MessageType.request, clientAddress: lease.address });
}

/** Tells the server that somebody else has the address. */
export function decline(identity: Identity, xid: number, lease: Lease): Message {
  return build(identity, {
    type: MessageType.decline,
    xid,
    requested: lease.address,
    server: lease.server,
  });
}

/** Gives the address back. */
export function release(
  identity: Identity,
  xid: number,
  lease: Pick<Lease, "address" | "server">,
): Message {
  return build(identity, {
    type: MessageType.release,
    xid,
    clientAddress: lease.address,
    server: lease.server,
  });
}

function build(identity: Identity, about: Particulars): Message {
  const { type, requested = 0, server = 0 } = about;
  const options = new Map<number, Uint8Array>([
    [Option.messageType, Uint8Array.of(type)],
    [Option.clientId, identity.clientId],
  ]);
  if (requested !== 0) options.set(Option.requestedAddress, u32Bytes(requested));
  if (server !== 0) options.set(Option.serverId, u32Bytes(server));
  if (type === MessageType.discover || type === MessageType.request) {
    const size = longestMessage;
    options.set(Option.maximumMessageSize, Uint8Array.of(size >> 8, size & 0xff));
    options.set(Option.parameterRequestList, Uint8Array.from(identity.request));
    for (const [code, value] of identity.provide) options.set(code, value);
  }
  return {
    op: 1,
    hardwareType: identity.hardwareType,
    hardware: identity.hardware,
    xid: about.xid,
    seconds: about.seconds ?? 0,
    broadcast: about.broadcast ?? false,
    clientAddress: about.clientAddress ?? 0,
    yourAddress: 0,
    nextServer: 0,
    relay: 0,
    options,
  };
}
