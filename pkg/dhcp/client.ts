/** The client's side of RFC 2131, figure 5, as a function. */

import { sameBytes } from "../sys/bytes.ts";
import { askAgain, extend, look, lose, reboot, stop, takeOffer, toAll } from "./ask.ts";
import { faultIn, type Lease, leaseOf } from "./lease.ts";
import { ignore, type Moment, machine, refuse, stay } from "./machine.ts";
import type { Message } from "./message.ts";
import { MessageType, Option } from "./option.ts";
import { decline } from "./request.ts";
import type { Action, Client, Step } from "./state.ts";
import { renewalOf, waitOf } from "./timing.ts";
import { dotted, readText, readU32 } from "./value.ts";

/** RFC 2131, 3.1: what to wait after a decline. */
const afterDecline = 10_000;
/** How often an offer is asked for before others are looked for, and an old lease before it is given up. */
const requestTries = 4;
const rebootTries = 3;

/** What follows from an event. */
export const step = machine<Client, Message, boolean, Action>({
  start,
  timer: onTimer,
  message: onMessage,
  probed: onProbed,
  release: stop,
});

function start(client: Client, at: Moment): Step {
  const { lease } = client;
  if (lease === undefined) return look({ ...client, began: at.now, rounds: 0 }, at);
  if (lease.expiresAt !== null && at.now >= lease.expiresAt) return reboot(client, at);
  const held: Client = {
    ...client,
    phase: "bound",
    wakeAt: renewalOf(lease, at),
    persistent: true,
  };
  return held.wakeAt !== null && held.wakeAt <= at.now ? onTimer(held, at) : stay(held);
}

function onTimer(client: Client, at: Moment): Step {
  switch (client.phase) {
    case "init":
    case "selecting":
      return look(client, at);
    case "requesting":
      return client.tries < requestTries ? takeOffer(client, at) : look(client, at);
    case "rebooting":
      if (client.tries < rebootTries) return askAgain(client, at);
      return lose(client, at, "no server confirmed it");
    case "bound":
    case "renewing":
    case "rebinding":
      return extend(client, at);
    default:
      return stay({ ...client, wakeAt: null });
  }
}

function onMessage(client: Client, message: Message, at: Moment): Step {
  const server = readU32(message.options.get(Option.serverId)) ?? 0;
  if (!isOurs(client, message) || server === 0) return ignore(client);
  const type = message.options.get(Option.messageType);
  if (type?.length !== 1) return ignore(client);
  switch (type[0]) {
    case MessageType.offer:
      return onOffer(client, message, server, at);
    case MessageType.ack:
      return onAck(client, message, server, at);
    case MessageType.nak:
      return onNak(client, message, server, at);
    default:
      return ignore(client);
  }
}

/** A reply to this very client: the number of its exchange, its hardware address and, where told, its id. */
function isOurs({ phase, identity, exchange }: Client, message: Message): boolean {
  if (phase === "init" || phase === "bound" || phase === "probing") return false;
  if (message.op !== 2 || message.xid !== exchange.xid) return false;
  if (!sameBytes(message.hardware, identity.hardware)) return false;
  const id = message.options.get(Option.clientId);
  return id === undefined || sameBytes(id, identity.clientId);
}

function onOffer(client: Client, message: Message, server: number, at: Moment): Step {
  if (client.phase !== "selecting") return ignore(client);
  const fault = faultIn(message);
  if (fault !== undefined) return refuseOffer(client, server, fault);
  const offer = { address: message.yourAddress, server };
  return takeOffer({ ...client, offer, tries: 0 }, at);
}

function refuseOffer(client: Client, server: number, fault: string): Step {
  return refuse(client, `ignored what ${dotted(server)} offered: ${fault}`);
}

/** Whether an ACK of this server answers what was asked. */
function isAwaited(client: Client, message: Message, server: number): boolean {
  switch (client.phase) {
    case "selecting":
      return client.identity.rapidCommit && message.options.has(Option.rapidCommit);
    case "requesting":
      return server === client.offer?.server && message.yourAddress === client.offer.address;
    case "rebooting":
      return message.yourAddress === client.lease?.address;
    case "renewing":
      return server === client.lease?.server;
    default:
      return client.phase === "rebinding";
  }
}

function onAck(client: Client, message: Message, server: number, at: Moment): Step {
  if (!isAwaited(client, message, server)) return ignore(client);
  const fault = faultIn(message);
  if (fault !== undefined) return refuseOffer(client, server, fault);
  const lease = leaseOf(message, server, client.sentAt);
  const isNew = client.phase === "selecting" || client.phase === "requesting";
  if (!isNew || client.patience.probe === 0) return bind(client, lease, at);
  const probing: Client = { ...client, phase: "probing", lease, wakeAt: null };
  return {
    client: probing,
    actions: [{ do: "probe", address: lease.address, ms: client.patience.probe }],
  };
}

function bind(client: Client, lease: Lease, at: Moment): Step {
  const before = client.phase === "probing" ? undefined : client.lease;
  const bound: Client = {
    ...client,
    phase: "bound",
    lease,
    offer: undefined,
    persistent: true,
    tries: 0,
    rounds: 0,
    wakeAt: renewalOf(lease, at),
  };
  return { client: bound, actions: [{ do: "bound", lease, before }] };
}

function onProbed(client: Client, taken: boolean, at: Moment): Step {
  const { phase, lease, identity } = client;
  if (phase !== "probing" || lease === undefined) return stay(client);
  if (!taken) return bind(client, lease, at);
  const text = `declined ${dotted(lease.address)}: somebody else on the network has it`;
  return {
    client: { ...client, phase: "init", lease: undefined, wakeAt: at.now + afterDecline },
    actions: [toAll(decline(identity, client.exchange.xid, lease)), { do: "log", text }],
  };
}

function onNak(client: Client, message: Message, server: number, at: Moment): Step {
  const { phase, offer, lease } = client;
  const words = readText(message.options.get(Option.message));
  const reason = `${dotted(server)} refused it${words === "" ? "" : `: ${words}`}`;
  if (phase === "requesting" && server === offer?.server) {
    const text = `no lease of ${dotted(offer.address)}: ${reason}`;
    const pause = waitOf(client.patience, client.rounds, at);
    return {
      client: {
        ...client,
        phase: "init",
        offer: undefined,
        wakeAt: at.now + Math.min(pause, 1000),
      },
      actions: [{ do: "log", text }],
    };
  }
  const isFromOwn = phase !== "renewing" || server === lease?.server;
  if (phase === "rebooting" || ((phase === "renewing" || phase === "rebinding") && isFromOwn)) {
    return lose(client, at, reason);
  }
  return ignore(client);
}
