/** A DHCPv4 client at work: the state machine of pkg/dhcp with sockets, a clock and a timer. */

import { toCniError } from "../../../pkg/cni/error.ts";
import { step } from "../../../pkg/dhcp/client.ts";
import { macClientId } from "../../../pkg/dhcp/client-id.ts";
import type { Lease } from "../../../pkg/dhcp/lease.ts";
import type { Message } from "../../../pkg/dhcp/message.ts";
import { Option } from "../../../pkg/dhcp/option.ts";
import type { Identity } from "../../../pkg/dhcp/request.ts";
import {
  type Action,
  type Client,
  type Event,
  isListening,
  newClient,
  type Route,
} from "../../../pkg/dhcp/state.ts";
import { dotted, readU32 } from "../../../pkg/dhcp/value.ts";
import { bootMs } from "../../../pkg/sys/clock.ts";
import { errnoText } from "../../../pkg/sys/errno.ts";
import { randomBytes } from "../../../pkg/sys/random.ts";
import type { Timer } from "../../../pkg/sys/timers.ts";
import { fromHex, type Granted, type Wanted4 } from "../order.ts";
import { grantOf } from "./grant4.ts";
import { GoneError, type LeaseClient, type Surroundings, type Task } from "./lease-client.ts";
import { Port4 } from "./port4.ts";
import { arpInquiry, Probe } from "./probe.ts";

/** What a lease file holds of an IPv4 lease. */
export interface Saved4 {
  readonly lease: Lease;
  /** The hardware address that the lease came from, in hex: the server's, or its relay's. */
  readonly serverMac: string;
}

/** When a client that goes on for ever looks again at what it could not do. */
const pauseMs = 1_000;

/** What differs from renewal to renewal. */
const withoutTimes = { since: 0, renewAt: 0, rebindAt: 0, expiresAt: 0 };

export class Client4 implements LeaseClient {
  readonly family = 4;
  readonly #around: Surroundings;
  readonly #wanted: Wanted4;
  readonly #priority: number;
  readonly #timer: Timer;
  #client: Client;
  #serverMac: string;
  #told: { lease: Lease; text: string; granted: Granted } | undefined;
  readonly #port: Port4;
  #probe: Probe | undefined;

  constructor(
    around: Surroundings,
    { wanted, priority, persistent }: Task<Wanted4>,
    saved?: Saved4,
  ) {
    const { timeout, resendmax, resendtimeout } = around.settings;
    this.#around = around;
    this.#wanted = wanted;
    this.#priority = priority;
    this.#timer = around.loop.timer(() => this.#happen({ type: "timer" }));
    this.#serverMac = saved?.serverMac ?? "";
    this.#port = new Port4(around, (message, mac) => this.#hear(message, mac));
    const giveUp = resendtimeout;
    const patience = { first: timeout, most: resendmax, giveUp, probe: wanted.probe, persistent };
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
    this.#timer.at = null;
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

  /** The same object for as long as the lease says the same: a renewal is compared with what was before. */
  #grant(lease: Lease): Granted {
    if (this.#told?.lease === lease) return this.#told.granted;
    const text = JSON.stringify({ ...lease, ...withoutTimes });
    const granted =
      this.#told?.text === text ? this.#told.granted : grantOf(lease, this.#wanted, this.#priority);
    this.#told = { lease, text, granted };
    return granted;
  }

  #happen(event: Event): void {
    try {
      this.#advance(event);
    } catch (error) {
      if (error instanceof GoneError) this.#around.onGone(error);
      // Whoever waits for a first lease must not wait for ever; a lease that is held goes on.
      else if (!this.#client.persistent) this.#around.onFailed(this, toCniError(error).message);
      else {
        // Its time may have come and gone with what failed.
        this.#timer.at ??= bootMs() + pauseMs;
        throw error;
      }
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

  #ask({ address, ms }: { readonly address: number; readonly ms: number }): void {
    const inquiry = arpInquiry(this.#around.link, address);
    const patience = { ms, isPatient: this.#client.persistent };
    this.#probe = new Probe(this.#around, inquiry, patience, (taken) => {
      this.#probe = undefined;
      this.#happen({ type: "probed", taken });
    });
  }

  /** A message that cannot be sent now is one that got lost: it is repeated. */
  #send(message: Uint8Array, route: Route): void {
    const result = this.#transmit(message, route);
    if (result >= 0) return;
    this.#around.log(`cannot send: ${errnoText(-result)}`);
    // A socket whose interface went away stays dead; the next one finds out whether there is one.
    this.#port.close();
  }

  /** RFC 2131, 4.1: what a client sends that has no address yet, or gives it up, is from nobody to all. */
  #transmit(message: Uint8Array, route: Route): number {
    const { phase, lease } = this.#client;
    const mac = this.#serverMac;
    if (phase === "stopped" && route !== "all") return this.#port.sendLast(message, route, mac);
    const isHeld = phase === "renewing" || phase === "rebinding";
    if (!isHeld || lease === undefined) return this.#port.shout(message);
    return this.#port.send(message, route, { from: lease.address, mac });
  }

  /** Notes where an answer came from before it is acted upon: what is saved must have it. */
  #hear(message: Message, mac: string | undefined): void {
    const before = this.#serverMac;
    const { ignored, lease } = this.#client;
    const server = readU32(message.options.get(Option.serverId));
    // By UDP it does not show; it is the same as long as the server is.
    this.#serverMac = mac ?? (server === lease?.server ? before : "");
    this.#happen({ type: "message", message });
    if (this.#client.ignored > ignored) this.#serverMac = before;
  }

  #closeSockets(): void {
    this.#port.close();
    this.#probe?.close();
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
