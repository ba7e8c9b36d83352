/** A DHCPv4 client at work: the state machine of pkg/dhcp with sockets, a clock and a timer. */

import { step } from "../../../pkg/dhcp/client.ts";
import { macClientId } from "../../../pkg/dhcp/client-id.ts";
import { decodeFrame, encodeFrame, Port } from "../../../pkg/dhcp/frame.ts";
import type { Lease } from "../../../pkg/dhcp/lease.ts";
import { decodeMessage } from "../../../pkg/dhcp/message.ts";
import type { Identity } from "../../../pkg/dhcp/request.ts";
import {
  type Action,
  type Client,
  type Event,
  isListening,
  newClient,
  type Route,
} from "../../../pkg/dhcp/state.ts";
import { dotted } from "../../../pkg/dhcp/value.ts";
import { bootMs } from "../../../pkg/sys/clock.ts";
import { errnoText, isSysError } from "../../../pkg/sys/errno.ts";
import { Readiness, type Timer } from "../../../pkg/sys/event-loop.ts";
import type { Fd } from "../../../pkg/sys/fd.ts";
import { randomBytes } from "../../../pkg/sys/random.ts";
import {
  bindSocket,
  inetAddress,
  openSocket,
  SocketFamily,
  SocketOption,
  SocketType,
  sendTo,
  setSocketOption,
  socketLevel,
} from "../../../pkg/sys/socket.ts";
import { encode } from "../../../pkg/sys/text.ts";
import { fromHex, type Granted, toHex, type Wanted4 } from "../order.ts";
import { grantOf } from "./grant4.ts";
import { GoneError, type LeaseClient, type Surroundings } from "./lease-client.ts";
import {
  EtherType,
  openPacketSocket,
  PacketBuffer,
  sendPacket,
  toClientPort,
} from "./packet-socket.ts";
import { Probe } from "./probe.ts";

/** What a lease file holds of an IPv4 lease. */
export interface Saved4 {
  readonly lease: Lease;
  /** The hardware address that the lease came from, in hex: the server's, or its relay's. */
  readonly serverMac: string;
}

const everywhere = 0xffff_ffff;
const received = new PacketBuffer();

export class Client4 implements LeaseClient {
  readonly family = 4;
  readonly #around: Surroundings;
  readonly #wanted: Wanted4;
  readonly #priority: number;
  readonly #timer: Timer;
  #client: Client;
  #serverMac: string;
  #socket: Fd | undefined;
  #sink: Fd | undefined;
  #probe: Probe | undefined;

  constructor(
    around: Surroundings,
    order: { readonly wanted: Wanted4; readonly priority: number },
    saved?: Saved4,
  ) {
    const { timeout, resendmax, resendtimeout } = around.settings;
    const { wanted } = order;
    this.#around = around;
    this.#wanted = wanted;
    this.#priority = order.priority;
    this.#timer = around.loop.timer(() => this.#happen({ type: "timer" }));
    this.#serverMac = saved?.serverMac ?? "";
    const giveUp = resendtimeout;
    const patience = { first: timeout, most: resendmax, giveUp, probe: wanted.probe };
    this.#client = newClient(identityOf(around, wanted), patience, saved?.lease);
  }

  get phase(): string {
    return this.#client.phase;
  }

  get granted(): Granted | undefined {
    const { lease, phase } = this.#client;
    return lease === undefined || phase === "probing" ? undefined : this.#grant(lease);
  }

  get expiresAt(): number | null {
    return this.#client.lease?.expiresAt ?? null;
  }

  start(): void {
    this.#happen({ type: "start" });
  }

  release(): void {
    this.#happen({ type: "release" });
    this.close();
  }

  close(): void {
    this.#around.loop.drop(this.#timer);
    this.#closeSockets();
  }

  save(): Saved4 | undefined {
    const { lease, phase } = this.#client;
    if (lease === undefined || phase === "probing" || phase === "stopped") return undefined;
    return { lease, serverMac: this.#serverMac };
  }

  describe() {
    const { lease, ignored, tries } = this.#client;
    return { server: lease && dotted(lease.server), ignored, tries };
  }

  #grant(lease: Lease): Granted {
    return grantOf(lease, this.#wanted, this.#priority);
  }

  #happen(event: Event): void {
    try {
      this.#advance(event);
    } catch (error) {
      if (!(error instanceof GoneError)) throw error;
      this.#around.onGone(error);
    }
  }

  #advance(event: Event): void {
    const random = new DataView(randomBytes(4).buffer).getUint32(0);
    const { client, actions } = step(this.#client, event, { now: bootMs(), random });
    this.#client = client;
    this.#timer.at = client.wakeAt;
    for (const action of actions) this.#act(action);
    if (!isListening(this.#client)) this.#closeSockets();
  }

  #act(action: Action): void {
    const around = this.#around;
    if (action.do === "send") this.#send(action.message, action.route);
    else if (action.do === "probe") this.#ask(action);
    else if (action.do === "bound") {
      around.onGranted(this, action.before && this.#grant(action.before));
    } else if (action.do === "lost") {
      around.onLost(this, this.#grant(action.lease), action.reason);
    } else if (action.do === "failed") around.onFailed(this, action.reason);
    else around.log(action.text);
  }

  #ask(question: { readonly address: number; readonly ms: number }): void {
    this.#probe = new Probe(this.#around, question, (taken) => {
      this.#probe = undefined;
      this.#happen({ type: "probed", taken });
    });
  }

  /** A message that cannot be sent now is one that got lost: it is repeated. */
  #send(message: Uint8Array, route: Route): void {
    const result = route === "all" ? this.#broadcast(message) : this.#unicast(message, route);
    if (result >= 0) return;
    this.#around.log(`cannot send: ${errnoText(-result)}`);
    // A socket whose interface went away stays dead; the next one finds out whether there is one.
    this.#closeSockets();
  }

  #broadcast(message: Uint8Array): number {
    // RFC 2131, 4.1: the source is 0 until there is an address; rebinding there is.
    const source = this.#client.phase === "rebinding" ? (this.#client.lease?.address ?? 0) : 0;
    const bytes = encodeFrame(message, { source, destination: everywhere });
    return sendPacket(this.#listening(), this.#around.link, EtherType.ipv4, { bytes });
  }

  /**
   * To the server by the kernel's own way, from the leased address. What gives the address back goes to where it
   * came from, without asking the network first: the interface may be gone in a moment.
   */
  #unicast(message: Uint8Array, { from, to }: Exclude<Route, "all">): number {
    const socket = this.#listening();
    const isLast = this.#client.phase === "stopped" && this.#serverMac !== "";
    const result = isLast ? -1 : this.#sendByKernel(message, { from, to });
    if (result >= 0) return result;
    const bytes = encodeFrame(message, { source: from, destination: to });
    const target = this.#serverMac === "" ? undefined : fromHex(this.#serverMac);
    return sendPacket(socket, this.#around.link, EtherType.ipv4, { bytes, to: target });
  }

  /** By a UDP socket, which stays open so that the kernel does not tell the server that nobody listens. */
  #sendByKernel(message: Uint8Array, { from, to }: Exclude<Route, "all">): number {
    try {
      this.#sink ??= this.#around.inside(() => openUdp(this.#around.link.name, from));
    } catch (error) {
      // The address is not on the interface.
      if (isSysError(error)) return -error.errno;
      throw error;
    }
    return sendTo(this.#sink, message, inetAddress(to, Port.server));
  }

  #listening(): Fd {
    if (this.#socket !== undefined) return this.#socket;
    const { link, loop } = this.#around;
    const socket = this.#around.inside(() => openPacketSocket(link, EtherType.ipv4, toClientPort));
    this.#socket = socket;
    loop.watch(socket.fd, Readiness.in, () => this.#receive(socket));
    return socket;
  }

  #receive(socket: Fd): void {
    for (let packet = received.receive(socket); packet; packet = received.receive(socket)) {
      const frame = decodeFrame(packet.bytes, packet.summed);
      const message = frame && decodeMessage(frame.payload);
      if (message === undefined) continue;
      const before = this.#client;
      const from = toHex(packet.from);
      this.#hear({ type: "message", message }, from);
      // An answer has led on: the socket may be closed, and what else came was for the state before.
      if (this.#client.phase !== before.phase || this.#socket !== socket) return;
    }
  }

  /** Notes where an answer came from before it is acted upon: what is saved must have it. */
  #hear(event: Event, from: string): void {
    const before = this.#serverMac;
    this.#serverMac = from;
    const { ignored } = this.#client;
    this.#happen(event);
    if (this.#client.ignored > ignored) this.#serverMac = before;
  }

  #closeSockets(): void {
    if (this.#socket !== undefined) {
      this.#around.loop.unwatch(this.#socket.fd);
      this.#socket[Symbol.dispose]();
    }
    this.#sink?.[Symbol.dispose]();
    this.#probe?.close();
    this.#socket = undefined;
    this.#sink = undefined;
    this.#probe = undefined;
  }
}

function identityOf({ link, settings }: Surroundings, wanted: Wanted4): Identity {
  // Such an interface shares its parent's hardware address: what is sent to it alone finds it by its IP address only,
  // which it has not yet.
  const mustBroadcast = link.kind === "ipvlan";
  return {
    hardware: link.mac,
    hardwareType: link.hardwareType,
    clientId: wanted.clientId === "" ? macClientId(link.mac) : fromHex(wanted.clientId),
    request: wanted.request,
    provide: wanted.provide.map(([code, value]) => [code, fromHex(value)]),
    broadcast: wanted.broadcast ?? (settings.broadcast || mustBroadcast),
    rapidCommit: wanted.rapidCommit,
  };
}

/** A UDP socket of the client's port on an interface that has the address. */
function openUdp(name: string, address: number): Fd {
  const socket = openSocket(SocketFamily.inet, SocketType.datagram, 0);
  try {
    setSocketOption(socket, socketLevel, SocketOption.reuseAddress, 1);
    setSocketOption(socket, socketLevel, SocketOption.bindToDevice, encode(name));
    bindSocket(socket, inetAddress(address, Port.client), `${dotted(address)} on ${name}`);
  } catch (error) {
    socket[Symbol.dispose]();
    throw error;
  }
  return socket;
}
