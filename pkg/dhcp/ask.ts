/** What a client sends in each state of RFC 2131, figure 5, unasked: for an address, for that one, for more time. */

import { type Moment, stay } from "./machine.ts";
import { encodeMessage, type Message } from "./message.ts";
import {
  discover,
  type Exchange,
  release,
  requestAgain,
  requestMore,
  requestOffered,
} from "./request.ts";
import type { Action, Client, Route, Step } from "./state.ts";
import { secondsSince, waitOf } from "./timing.ts";

/** RFC 2131, 4.4.5: what retransmission in the last two states waits at least. */
const leastRepeat = 60_000;

/** Sends a DISCOVER, as long as there is time left for it. */
export function look(client: Client, at: Moment): Step {
  const { identity, patience, began, lease } = client;
  if (!client.persistent && client.rounds > 0 && at.now - began >= patience.giveUp) {
    const stopped: Client = { ...client, phase: "stopped", wakeAt: null };
    return { client: stopped, actions: [{ do: "failed", reason: "no more tries" }] };
  }
  const exchange = { xid: at.random >>> 0, seconds: secondsSince(began, at) };
  const next = sent(
    { ...client, phase: "selecting", exchange, offer: undefined, tries: 0 },
    at,
    client.rounds,
  );
  return {
    client: { ...next, rounds: client.rounds + 1, wakeAt: withinPatience(next) },
    actions: [toAll(discover(identity, exchange, lease?.address ?? 0))],
  };
}

/** A first search ends in time; the wait for an answer is cut to what is left. */
function withinPatience({ persistent, began, patience, wakeAt }: Client): number | null {
  return persistent || wakeAt === null ? wakeAt : Math.min(wakeAt, began + patience.giveUp);
}

/** Asks for what was offered. */
export function takeOffer(client: Client, at: Moment): Step {
  const { identity, offer, tries } = client;
  if (offer === undefined) return look(client, at);
  const exchange = { ...client.exchange, seconds: secondsSince(client.began, at) };
  const next = sent({ ...client, phase: "requesting", exchange, tries: tries + 1 }, at, tries);
  return { client: next, actions: [toAll(requestOffered(identity, exchange, offer))] };
}

/** Asks whether a lease from before still holds (INIT-REBOOT). */
export function reboot(client: Client, at: Moment): Step {
  const exchange = { xid: at.random >>> 0, seconds: 0 };
  return askAgain({ ...client, phase: "rebooting", began: at.now, exchange, tries: 0 }, at);
}

/** The same once more. */
export function askAgain(client: Client, at: Moment): Step {
  const { identity, lease, tries } = client;
  if (lease === undefined) return look(client, at);
  const exchange = { ...client.exchange, seconds: secondsSince(client.began, at) };
  const next = sent({ ...client, exchange, tries: tries + 1 }, at, tries);
  return { client: next, actions: [toAll(requestAgain(identity, exchange, lease.address))] };
}

/** Asks for more time: the server until T2, then anyone; in the end the lease is lost. */
export function extend(client: Client, at: Moment): Step {
  const { lease, identity } = client;
  if (lease === undefined || lease.expiresAt === null) return stay({ ...client, wakeAt: null });
  if (at.now >= lease.expiresAt) return lose(client, at, "it expired");
  const phase = at.now >= lease.rebindAt ? "rebinding" : "renewing";
  const fresh = client.phase !== phase;
  const exchange: Exchange = fresh
    ? { xid: at.random >>> 0, seconds: 0 }
    : { ...client.exchange, seconds: secondsSince(client.began, at) };
  const end = phase === "renewing" ? lease.rebindAt : lease.expiresAt;
  const least = Math.min(leastRepeat, (lease.expiresAt - lease.since) / 16);
  const pause = Math.max((end - at.now) / 2, least);
  const next: Client = {
    ...client,
    phase,
    exchange,
    began: fresh ? at.now : client.began,
    sentAt: at.now,
    tries: fresh ? 1 : client.tries + 1,
    wakeAt: Math.min(end, at.now + pause),
  };
  const message = encodeMessage(requestMore(identity, exchange, lease));
  const route: Route = phase === "renewing" ? { from: lease.address, to: lease.server } : "all";
  return { client: next, actions: [{ do: "send", message, route }] };
}

/** The address is no longer ours: a new search begins, at once or, where that happens again and again, later. */
export function lose(client: Client, at: Moment, reason: string): Step {
  const { lease } = client;
  const searching: Client = {
    ...client,
    phase: "init",
    lease: undefined,
    offer: undefined,
    persistent: true,
    began: at.now,
    rounds: 0,
    tries: 0,
    wakeAt: at.now,
  };
  const actions: Action[] = lease === undefined ? [] : [{ do: "lost", lease, reason }];
  return { client: searching, actions };
}

/** Gives back what there is and stops. */
export function stop(client: Client, at: Moment): Step {
  const { identity, phase, offer } = client;
  const stopped: Client = { ...client, phase: "stopped", wakeAt: null };
  // The server may have granted already what was asked for; the answer is only not here yet.
  const lease = phase === "requesting" ? offer : client.lease;
  if (lease === undefined || phase === "rebooting") return stay(stopped);
  const message = encodeMessage(release(identity, at.random >>> 0, lease));
  return {
    client: stopped,
    actions: [{ do: "send", message, route: { from: lease.address, to: lease.server } }],
  };
}

/** A broadcast. */
export function toAll(message: Message): Action {
  return { do: "send", message: encodeMessage(message), route: "all" };
}

/** Notes that a message leaves now, and when it is to be sent again. */
function sent(client: Client, at: Moment, before: number): Client {
  return { ...client, sentAt: at.now, wakeAt: at.now + waitOf(client.patience, before, at) };
}
