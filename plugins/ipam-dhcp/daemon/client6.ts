/** An IPv6 client at work: DHCPv6 and what routers tell, of which together an attachment's addresses are made. */

import { toAddress } from "../../../pkg/cni/addresses.ts";
import { toCniError } from "../../../pkg/cni/error.ts";
import type { Advertisement } from "../../../pkg/dhcp6/advertisement.ts";
import { step } from "../../../pkg/dhcp6/client.ts";
import type { Lease } from "../../../pkg/dhcp6/lease.ts";
import {
  autonomousPrefixes,
  type Discovery,
  hearRouter,
  newDiscovery,
  type Router,
  routersDue,
  solicitRouters,
} from "../../../pkg/dhcp6/routers.ts";
import {
  type Action,
  type Client,
  type Event,
  isListening,
  newClient,
} from "../../../pkg/dhcp6/state.ts";
import { bootMs } from "../../../pkg/sys/clock.ts";
import type { Timer } from "../../../pkg/sys/timers.ts";
import type { Granted, Wanted6 } from "../order.ts";
import { grantOf } from "./grant6.ts";
import { identityOf, moment } from "./identity6.ts";
import { GoneError, type LeaseClient, type Surroundings, type Task } from "./lease-client.ts";
import { type OwnAddress, OwnAddresses } from "./own-addresses.ts";
import { neighborInquiry, type ProbePatience, Probes } from "./probe.ts";
import { isReady, nextLook, type Standing } from "./readiness6.ts";
import { Voice6 } from "./voice6.ts";

/** What a lease file holds of an attachment's IPv6. */
export interface Saved6 {
  readonly lease: Lease | undefined;
  readonly routers: readonly Router[];
  readonly own: readonly OwnAddress[];
  readonly granted: Granted | undefined;
}

/** How long a first answer waits for settings. */
const settingsPatience = 2_000;

export class Client6 implements LeaseClient {
  readonly family = 6;
  readonly #around: Surroundings;
  readonly #wanted: Wanted6;
  readonly #priority: number;
  readonly #voice: Voice6;
  readonly #own: OwnAddresses;
  readonly #timer: Timer;
  #probes: Probes | undefined;
  #client: Client;
  #discovery: Discovery;
  #granted: Granted | undefined;
  /** Whether it never gives up: there was something granted once. */
  #persistent: boolean;
  #began = 0;
  /** What is still under way when it is closed must not set the timer again. */
  #isClosed = false;
  /** When the first answer waits no longer for settings; null as long as nobody has any. */
  #settingsBy: number | null = null;
  /** Whether what a daemon before this one knew still stands in for what routers have not told again. */
  #isSettling: boolean;

  constructor(
    around: Surroundings,
    { wanted, priority, persistent }: Task<Wanted6>,
    saved?: Saved6,
  ) {
    this.#around = around;
    this.#wanted = wanted;
    this.#priority = priority;
    this.#persistent = persistent;
    this.#voice = new Voice6(around, {
      onMessage: (message) => this.#happen({ type: "message", message }),
      onAdvertisement: (told) => this.#onAdvertisement(told),
    });
    const whose = `${wanted.duid}/${wanted.iaid}`;
    const probing = () => this.#probePatience(wanted.probe);
    this.#own = new OwnAddresses(around, { whose, probing }, () =>
      this.#guard(() => this.#settle(false)),
    );
    this.#own.restore(saved?.own ?? []);
    this.#timer = around.loop.timer(() => this.#guard(() => this.#onTimer()));
    const { resendtimeout: giveUp } = around.settings;
    const patience = { giveUp, probe: wanted.probe, persistent };
    this.#client = newClient(identityOf(wanted), patience, saved?.lease);
    this.#discovery = newDiscovery(saved?.routers);
    this.#granted = saved?.granted;
    this.#isSettling = saved !== undefined;
  }

  get phase(): string {
    if (!this.#wanted.slaac) return this.#client.phase;
    return this.#granted === undefined ? "waiting for a router" : "bound";
  }

  get granted(): Granted | undefined {
    return this.#granted;
  }

  get expiresAt(): number | null {
    return this.#client.lease?.expiresAt ?? null;
  }

  start(): void {
    this.#began = bootMs();
    try {
      this.#guard(() => this.#ask());
    } finally {
      // Whatever became of the question: what is held is to be renewed in time.
      const isWanted = !this.#wanted.slaac || this.#client.lease !== undefined;
      if (isWanted && !this.#isClosed) this.#happen({ type: "start" });
    }
  }

  release(): void {
    this.#happen({ type: "release" });
    this.close();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer.at = null;
    this.#probes?.close();
    this.#own.close();
    this.#voice.close();
  }

  save(): Saved6 | undefined {
    const granted = this.#granted;
    const { routers } = this.#discovery;
    return granted && { lease: this.#client.lease, routers, own: this.#own.usable, granted };
  }

  describe() {
    const { lease, ignored, tries } = this.#client;
    const routers = this.#discovery.routers.map(({ address }) => address).join(", ");
    return { server: lease?.server, routers: routers || undefined, ignored, tries };
  }

  /** Whatever fails, the next time to look is set: what could not be sent is sent again. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (error instanceof GoneError) this.#around.onGone(error);
      // Whoever waits for a first answer must not wait for ever; what is held goes on.
      else if (!this.#persistent) {
        this.#around.onFailed(this, toCniError(error).message);
      } else throw error;
    } finally {
      this.#arm();
    }
  }

  #happen(event: Event): void {
    this.#guard(() => {
      const { client, actions } = step(this.#client, event, moment());
      this.#client = client;
      for (const action of actions) this.#act(action);
      if (!isListening(this.#client)) this.#voice.hush();
    });
  }

  #act(action: Action): void {
    if (action.do === "send") this.#voice.say(action.message);
    else if (action.do === "probe") this.#probe(action.addresses, action.ms);
    else if (action.do === "bound") this.#settle(true);
    else if (action.do === "lost") {
      this.#isSettling = false;
      this.#settle(false, action.reason);
    } else if (action.do === "log") this.#around.log(action.text);
    else if (this.#wanted.slaac) this.#around.log(`no settings by DHCPv6: ${action.reason}`);
    else this.#around.onFailed(this, action.reason);
  }

  /** Asks for each address whether somebody has it; the answer is given when all are in. */
  #probe(addresses: readonly string[], ms: number): void {
    const { link } = this.#around;
    const inquiries = new Map(addresses.map((it) => [it, neighborInquiry(link, toAddress(it))]));
    this.#probes = new Probes(this.#around, inquiries, this.#probePatience(ms), (taken) =>
      this.#happen({ type: "probed", taken }),
    );
  }

  #probePatience(ms: number): ProbePatience {
    return { ms, isPatient: this.#persistent };
  }

  #ask(): void {
    this.#discovery = solicitRouters(this.#discovery, moment());
    this.#voice.solicit();
  }

  #onAdvertisement(told: Advertisement): void {
    this.#guard(() => {
      this.#discovery = hearRouter(this.#discovery, told, bootMs());
      this.#isSettling = false;
      this.#follow();
      this.#settle(false, "the router took its prefix back");
    });
  }

  /** Where routers give the addresses: one in each prefix, and settings from whom they say. */
  #follow(): void {
    if (!this.#wanted.slaac) return;
    this.#own.follow(autonomousPrefixes(this.#discovery));
    const hasSettings = this.#discovery.routers.some(({ managed, other }) => managed || other);
    if (!hasSettings || this.#settingsBy !== null) return;
    this.#settingsBy = bootMs() + settingsPatience;
    if (this.#client.phase === "init") this.#happen({ type: "start" });
  }

  #onTimer(): void {
    const now = bootMs();
    if (this.#client.wakeAt !== null && this.#client.wakeAt <= now) this.#happen({ type: "timer" });
    if (this.#hasGivenUp(now)) return;
    const { discovery, isAsking, hasForgotten } = routersDue(this.#discovery, now);
    this.#discovery = discovery;
    if (hasForgotten) {
      this.#isSettling = false;
      this.#follow();
    }
    if (isAsking) this.#ask();
    this.#settle(false, "no router told of it any longer");
  }

  #hasGivenUp(now: number): boolean {
    const { resendtimeout } = this.#around.settings;
    if (!this.#wanted.slaac || this.#persistent) return false;
    if (now - this.#began < resendtimeout) return false;
    this.#around.onFailed(this, "no router told a prefix");
    return true;
  }

  #arm(): void {
    if (!this.#isClosed) this.#timer.at = nextLook(this.#standing, bootMs());
  }

  get #standing(): Standing {
    return {
      client: this.#client,
      discovery: this.#discovery,
      slaac: this.#wanted.slaac,
      own: this.#own.usable.length,
      began: this.#began,
      giveUp: this.#around.settings.resendtimeout,
      settingsBy: this.#settingsBy,
      hasAnswered: this.#granted !== undefined,
    };
  }

  /** Tells what has changed; what was renewed is told though it is the same. */
  #settle(isRenewed: boolean, reason = ""): void {
    const before = this.#granted;
    if (this.#isSettling) {
      if (isRenewed) this.#around.onGranted(this, before);
      return;
    }
    const now = bootMs();
    if (before === undefined && !isReady(this.#standing, now)) return;
    const { phase, lease } = this.#client;
    const sources = {
      discovery: this.#discovery,
      lease: phase === "probing" ? undefined : lease,
      own: this.#own.usable.map(({ address }) => address),
      priority: this.#priority,
      before,
    };
    const granted = grantOf(sources, now);
    if (granted.ips.length === 0) {
      this.#granted = undefined;
      if (before !== undefined) this.#around.onLost(this, before, reason);
      return;
    }
    this.#granted = granted;
    this.#persistent = true;
    const isSame = JSON.stringify(before) === JSON.stringify(granted);
    if (isRenewed || !isSame) this.#around.onGranted(this, before);
  }
}
