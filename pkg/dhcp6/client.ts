/** A DHCPv6 client (RFC 8415, section 18.2) as a function. */

import { ignore, type Moment, machine, refuse, stay } from "../dhcp/machine.ts";
import { formatAddress } from "../ip/address.ts";
import { sameBytes } from "../sys/bytes.ts";
import { decline, extend, inform, lose, request, solicit, stop } from "./ask.ts";
import { associationIn, statusIn } from "./association.ts";
import { type Lease, leaseOf, readSeconds, settingsOf } from "./lease.ts";
import { firstOf, type Message } from "./message.ts";
import { MessageType, Option, StatusCode } from "./option.ts";
import type { Action, Client, Offer, Step } from "./state.ts";

/** A server with this preference is not to be kept waiting (RFC 8415, 18.2.1). */
const highestPreference = 255;
/** RFC 8415, 11.1: the longest a DUID may be, its type included. */
const longestDuid = 130;
/** SOL_MAX_RT and INF_MAX_RT, RFC 8415, 21.24: what else a server says is ignored. Seconds. */
const pauseBounds = { least: 60, most: 86_400 } as const;
/** How long to wait after somebody else's claim, and after a server took back what it had offered. */
const afterDecline = 10_000;
const afterRefusal = 1_000;

/** What follows from an event. */
export const step = machine<Client, Message, readonly string[], Action>({
  start,
  timer: onTimer,
  message: onMessage,
  probed: onProbed,
  release: stop,
});

function start(client: Client, at: Moment): Step {
  const { lease } = client;
  const begun: Client = { ...client, searchBegan: at.now };
  if (lease === undefined) return look(begun, at);
  if (lease.expiresAt !== null && at.now >= lease.expiresAt) {
    // Its addresses are still on the interface: they stay if the server gives them again.
    return lose(begun, at, "it expired while nobody kept it");
  }
  const held: Client = { ...begun, phase: "bound", wakeAt: lease.renewAt };
  return held.wakeAt !== null && held.wakeAt <= at.now ? onTimer(held, at) : stay(held);
}

function look(client: Client, at: Moment): Step {
  return client.identity.stateless ? inform(client, at) : solicit(client, at);
}

function onTimer(client: Client, at: Moment): Step {
  const { lease } = client;
  // Whatever is under way meanwhile, with NoBinding a request for what is held still.
  if (lease && lease.expiresAt !== null && at.now >= lease.expiresAt) {
    return lose(client, at, "it expired");
  }
  switch (client.phase) {
    case "init":
    case "informing":
      return look(client, at);
    case "soliciting":
      return client.offer === undefined ? solicit(client, at) : request(client, at);
    case "requesting":
      return request(client, at);
    case "bound":
      return client.identity.stateless ? inform(client, at) : extend(client, at);
    case "renewing":
    case "rebinding":
      return extend(client, at);
    default:
      return stay({ ...client, wakeAt: null });
  }
}

function onMessage(client: Client, message: Message, at: Moment): Step {
  const server = serverOf(client, message);
  if (server === undefined) return ignore(client);
  const heeded = heedPauses(client, message);
  if (message.type === MessageType.advertise) return onAdvertise(heeded, message, server, at);
  if (message.type === MessageType.reply) return onReply(heeded, message, server, at);
  return ignore(client);
}

/** Who sent a message that is for this very client (RFC 8415, 16); undefined for any other. */
function serverOf({ phase, identity, transaction }: Client, message: Message): string | undefined {
  if (phase === "init" || phase === "bound" || phase === "probing") return undefined;
  if (message.transaction !== transaction) return undefined;
  const id = firstOf(message.options, Option.clientId);
  // Only settings may come without it: they are asked for without one, too.
  const isAnonymous = id === undefined && phase === "informing";
  if (!isAnonymous && !sameBytes(id, identity.duid)) return undefined;
  const server = firstOf(message.options, Option.serverId);
  if (server === undefined || server.length < 3 || server.length > longestDuid) return undefined;
  return Array.from(server, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function heedPauses(client: Client, { options }: Message): Client {
  const code = client.phase === "informing" ? Option.infMaxRt : Option.solMaxRt;
  const seconds = readSeconds(firstOf(options, code));
  const isSane =
    seconds !== undefined && seconds >= pauseBounds.least && seconds <= pauseBounds.most;
  return isSane ? { ...client, longestPause: seconds * 1000 } : client;
}

function onAdvertise(client: Client, message: Message, server: string, at: Moment): Step {
  if (client.phase !== "soliciting") return ignore(client);
  const { options } = message;
  const association = associationIn(options, client.identity.iaid);
  if (association === undefined || association.addresses.length === 0) {
    const status = association?.status || statusIn(options);
    return refuse(client, `ignored the offer of ${server}: ${reasonOf(status)}`);
  }
  const addresses = association.addresses.map(({ address }) => formatAddress(address));
  const preference = firstOf(options, Option.preference)?.[0] ?? 0;
  const offer: Offer = { server, preference, addresses };
  const best = (client.offer?.preference ?? -1) >= preference ? client.offer : offer;
  const next: Client = { ...client, offer: best };
  // Answers are gathered during the first wait only; then anyone is welcome.
  if (preference === highestPreference || client.tries > 1) return request(next, at);
  return stay(next);
}

function reasonOf(status: number): string {
  const name = Object.entries(StatusCode).find(([, code]) => code === status)?.[0];
  if (status === StatusCode.success) return "it has no address that makes sense";
  return name ?? `status ${status}`;
}

/** Whether a Reply of this server answers what was asked. */
function isAwaited({ phase, offer, lease, identity }: Client, message: Message, server: string) {
  switch (phase) {
    case "soliciting":
      return identity.rapidCommit && firstOf(message.options, Option.rapidCommit) !== undefined;
    case "requesting":
      return server === offer?.server;
    case "renewing":
      return server === lease?.server;
    default:
      return phase === "rebinding" || phase === "informing";
  }
}

function onReply(client: Client, message: Message, server: string, at: Moment): Step {
  if (!isAwaited(client, message, server)) return ignore(client);
  const since = client.sentAt;
  if (client.phase === "informing") return bind(client, settingsOf(message, server, since));
  const association = associationIn(message.options, client.identity.iaid);
  const status = statusIn(message.options) || (association?.status ?? StatusCode.success);
  const isHeld = client.phase === "renewing" || client.phase === "rebinding";
  // RFC 8415, 18.2.10.1: a reply that says nothing of what is held takes nothing; it is asked for again.
  if (association === undefined && status === StatusCode.success && isHeld) return ignore(client);
  if (association === undefined || association.addresses.length === 0) {
    return onRefusal(client, status, server, at);
  }
  const lease = leaseOf(message, association, { server, since });
  // What is held already is not asked for: it is this client that would answer.
  const isNew = !lease.addresses.every((it) => client.lease?.addresses.includes(it));
  const { probe: ms } = client.patience;
  if (isHeld || !isNew || ms === 0) return bind(client, lease);
  const probing: Client = { ...client, phase: "probing", lease, wakeAt: null };
  return { client: probing, actions: [{ do: "probe", addresses: lease.addresses, ms }] };
}

/** RFC 8415, 18.2.10.1 */
function onRefusal(client: Client, status: number, server: string, at: Moment): Step {
  const { phase, lease } = client;
  const reason = `${server} refused it: ${reasonOf(status)}`;
  // Trouble of the server's own: it is asked again.
  if (status === StatusCode.unspecFail) return refuse(client, reason);
  if (phase === "renewing" || phase === "rebinding") {
    if (status !== StatusCode.noBinding || lease === undefined) return lose(client, at, reason);
    const { addresses } = lease;
    return request({ ...client, offer: { server, preference: 0, addresses } }, at);
  }
  const next: Client = {
    ...client,
    phase: "init",
    offer: undefined,
    wakeAt: at.now + afterRefusal,
  };
  return { client: next, actions: [{ do: "log", text: `no lease: ${reason}` }] };
}

function bind(client: Client, lease: Lease): Step {
  const before = client.phase === "probing" ? undefined : client.lease;
  const bound: Client = {
    ...client,
    phase: "bound",
    lease,
    offer: undefined,
    persistent: true,
    wakeAt: lease.renewAt,
  };
  return { client: bound, actions: [{ do: "bound", lease, before }] };
}

function onProbed(client: Client, taken: readonly string[], at: Moment): Step {
  const { phase, lease } = client;
  if (phase !== "probing" || lease === undefined) return stay(client);
  if (taken.length === 0) return bind(client, lease);
  const text = `declined ${taken.join(", ")}: somebody else on the network has it`;
  const next: Client = {
    ...client,
    phase: "init",
    lease: undefined,
    offer: undefined,
    wakeAt: at.now + afterDecline,
  };
  return { client: next, actions: [decline(client, taken, at), { do: "log", text }] };
}
