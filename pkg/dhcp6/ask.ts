/** What a client sends unasked, and when it sends it again (RFC 8415, 15 and 18.2). */

import { type Moment, stay } from "../dhcp/machine.ts";
import { type Address, parseAddress } from "../ip/address.ts";
import { encodeAssociation } from "./association.ts";
import { encodeMessage, type OptionEntry } from "./message.ts";
import { MessageType, Option } from "./option.ts";
import type { Action, Client, Step } from "./state.ts";

/** IRT and MRT of RFC 8415, 7.6. Milliseconds. */
interface Pace {
  readonly first: number;
  readonly most: number;
}

const Paces = {
  request: { first: 1_000, most: 30_000 },
  extend: { first: 10_000, most: 600_000 },
} as const;

/** REQ_MAX_RC */
const requestTries = 10;
const firstSolicit = 1_000;

/** Looks for servers, as long as there is time left for it. */
export function solicit(client: Client, at: Moment): Step {
  const { identity, patience, searchBegan, persistent } = client;
  const fresh = client.phase !== "soliciting";
  const end = searchBegan + patience.giveUp;
  if (!persistent && at.now >= end) return fail(client);
  const begun = begin({ ...client, phase: "soliciting", offer: undefined }, at, fresh);
  const pace = { first: firstSolicit, most: client.longestPause };
  // RFC 8415, 18.2.1: the first wait, in which answers are gathered, is never shorter than a second.
  const next = sent(begun, at, pace, fresh ? at.random % 0x1000 : at.random);
  const options: OptionEntry[] = identity.rapidCommit ? [[Option.rapidCommit, none]] : [];
  const wakeAt = persistent || next.wakeAt === null ? next.wakeAt : Math.min(next.wakeAt, end);
  const hint = client.lease?.addresses ?? [];
  return say({ ...next, wakeAt }, MessageType.solicit, [association(next, hint), ...options]);
}

const none = new Uint8Array(0);

function fail(client: Client): Step {
  const stopped: Client = { ...client, phase: "stopped", wakeAt: null };
  return { client: stopped, actions: [{ do: "failed", reason: "no more tries" }] };
}

/** Asks the server of the offer for it, ten times; then others are looked for. */
export function request(client: Client, at: Moment): Step {
  const { offer, phase, tries } = client;
  const fresh = phase !== "requesting";
  if (offer === undefined || (!fresh && tries >= requestTries)) return solicit(client, at);
  const begun = begin({ ...client, phase: "requesting" }, at, fresh);
  const next = sent(begun, at, Paces.request, at.random);
  const options = [serverId(offer.server), association(next, offer.addresses)];
  return say(next, MessageType.request, options);
}

/** Asks for more time: the server until T2, then anyone. */
export function extend(client: Client, at: Moment): Step {
  const { lease } = client;
  if (lease === undefined || lease.renewAt === null) return stay({ ...client, wakeAt: null });
  const { rebindAt, expiresAt } = lease;
  const isLate = rebindAt !== null && at.now >= rebindAt;
  const phase = isLate ? "rebinding" : "renewing";
  const begun = begin({ ...client, phase }, at, client.phase !== phase);
  const next = sent(begun, at, Paces.extend, at.random);
  const end = (isLate ? expiresAt : rebindAt) ?? Number.POSITIVE_INFINITY;
  const wakeAt = Math.min(next.wakeAt ?? end, end);
  const options = [association(next, lease.addresses)];
  if (isLate) return say({ ...next, wakeAt }, MessageType.rebind, options);
  return say({ ...next, wakeAt }, MessageType.renew, [serverId(lease.server), ...options]);
}

/** Asks for settings alone. */
export function inform(client: Client, at: Moment): Step {
  const { persistent, patience, searchBegan } = client;
  const end = searchBegan + patience.giveUp;
  if (!persistent && at.now >= end) return fail(client);
  const begun = begin({ ...client, phase: "informing" }, at, client.phase !== "informing");
  const pace = { first: firstSolicit, most: client.longestPause };
  const next = sent(begun, at, pace, at.random);
  const wakeAt = persistent || next.wakeAt === null ? next.wakeAt : Math.min(next.wakeAt, end);
  return say({ ...next, wakeAt }, MessageType.informationRequest, []);
}

/** Tells the server that somebody else has the addresses (RFC 8415, 18.2.8). Others are looked for. */
export function decline(client: Client, addresses: readonly string[], at: Moment): Action {
  return told(client, MessageType.decline, addresses, at);
}

/** Gives back what there is and stops; nobody waits for the answer, the interface is about to go. */
export function stop(client: Client, at: Moment): Step {
  const { lease } = client;
  const stopped: Client = { ...client, phase: "stopped", wakeAt: null };
  if (lease === undefined || lease.addresses.length === 0) return stay(stopped);
  return {
    client: stopped,
    actions: [told(client, MessageType.release, lease.addresses, at)],
  };
}

/** The addresses are no longer ours: a new search begins. */
export function lose(client: Client, at: Moment, reason: string): Step {
  const { lease } = client;
  const searching: Client = {
    ...client,
    phase: "init",
    lease: undefined,
    offer: undefined,
    persistent: true,
    searchBegan: at.now,
    wakeAt: at.now,
  };
  const actions: Action[] = lease === undefined ? [] : [{ do: "lost", lease, reason }];
  return { client: searching, actions };
}

/** A message of one try, to the server of the lease. */
function told(client: Client, type: number, addresses: readonly string[], at: Moment): Action {
  const once = begin(client, at, true);
  const options = [serverId(client.lease?.server ?? ""), association(client, addresses)];
  return { do: "send", message: bytesOf(once, type, options) };
}

function begin(client: Client, at: Moment, fresh: boolean): Client {
  if (!fresh) return client;
  return { ...client, transaction: at.random >>> 8, began: at.now, pause: 0, tries: 0 };
}

/** RFC 8415, 15: doubled each time, up to a limit, with a tenth more or less. */
function sent(client: Client, { now }: Moment, { first, most }: Pace, random: number): Client {
  const spread = 0.1 - 0.2 * (((random >>> 0) % 0x1_0000) / 0x1_0000);
  const { pause: before, lease } = client;
  let pause = before === 0 ? first * (1 + spread) : before * (2 + spread);
  if (pause > most) pause = most * (1 + spread);
  const wakeAt = Math.min(now + pause, lease?.expiresAt ?? Number.POSITIVE_INFINITY);
  return { ...client, sentAt: now, pause, tries: client.tries + 1, wakeAt };
}

function say(client: Client, type: number, options: readonly OptionEntry[]): Step {
  return { client, actions: [{ do: "send", message: bytesOf(client, type, options) }] };
}

function bytesOf(client: Client, type: number, options: readonly OptionEntry[]): Uint8Array {
  const { identity, transaction, sentAt, began } = client;
  const all: OptionEntry[] = [
    [Option.clientId, identity.duid],
    ...options,
    [Option.elapsedTime, u16(Math.min(0xffff, Math.floor((sentAt - began) / 10)))],
  ];
  const isQuestion = type !== MessageType.release && type !== MessageType.decline;
  if (isQuestion) {
    const codes = [...identity.request, ...ownRequest(type)];
    all.push([Option.optionRequest, Uint8Array.from(codes.flatMap((code) => [...u16(code)]))]);
    all.push(...identity.provide);
  }
  return encodeMessage({ type, transaction, options: all });
}

/** RFC 8415, 18.2.1 to 18.2.6: options that must be asked for. */
function ownRequest(type: number): readonly number[] {
  const { solMaxRt, infMaxRt, informationRefreshTime } = Option;
  return type === MessageType.informationRequest ? [infMaxRt, informationRefreshTime] : [solMaxRt];
}

function association({ identity }: Client, addresses: readonly string[]): OptionEntry {
  const known = addresses.map(parseAddress).filter((it): it is Address => it !== undefined);
  return [Option.iaNa, encodeAssociation(identity.iaid, known)];
}

function serverId(server: string): OptionEntry {
  const bytes = Uint8Array.from({ length: server.length / 2 }, (_, at) =>
    Number.parseInt(server.slice(at * 2, at * 2 + 2), 16),
  );
  return [Option.serverId, bytes];
}

function u16(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value & 0xff);
}
