/** One attachment's leases, of either family or both: from the order for them to their end. */

import { toCniError } from "../../../pkg/cni/error.ts";
import { Namespace } from "../../../pkg/ns/namespace.ts";
import { bootMs } from "../../../pkg/sys/clock.ts";
import type { EventLoop } from "../../../pkg/sys/event-loop.ts";
import type { Timer } from "../../../pkg/sys/timers.ts";
import { type Granted, nameOf, type Order } from "../order.ts";
import { Changes, type Ground } from "./changes.ts";
import { clientsOf } from "./clients.ts";
import { namesOf, together } from "./granted.ts";
import { isSame } from "./interface.ts";
import { GoneError, type Interface, type LeaseClient, type Surroundings } from "./lease-client.ts";
import { identify, interfaceOf, isReady, type Place, prepareLink, withPlace } from "./place.ts";
import type { Settings } from "./settings.ts";
import type { Saved, Store } from "./store.ts";

/** What all attachments share. */
export interface Household {
  readonly loop: EventLoop;
  readonly settings: Settings;
  readonly store: Store;
  readonly home: Namespace;
  /** Told of an attachment that has come to its end by itself. */
  readonly onEnd: (attachment: Attachment) => void;
  readonly log: (text: string) => void;
  readonly counters: Record<"renewals" | "losses" | "failures", number>;
}

/** How an ADD that waits is answered: with what all families gave, or with why there is nothing. */
type Outcome = { readonly granted: Granted } | { readonly reason: string };
type Answer = (outcome: Outcome) => void;

/** What an attachment is made of. */
interface Beginning {
  readonly order: Order;
  readonly place: Place;
  readonly link: Interface;
  readonly saved?: Saved;
}

/** How long an interface may take to get a carrier, and how often it is looked at. */
const carrierPatience = 2_000;
const carrierPause = 10;

export class Attachment {
  readonly order: Order;
  readonly name: string;
  readonly place: Place;
  readonly #household: Household;
  readonly #clients: readonly LeaseClient[];
  readonly #changes: Changes;
  /** The ADDs that it is for, by their names; those that wait with what they are to be told. */
  readonly #adds: Set<string>;
  readonly #waiting = new Map<string, Answer>();
  readonly #begin: Timer;
  readonly #began = bootMs();
  /** Whether ADD has been answered: from then on the interface is ours to change. */
  #isDelivered: boolean;
  #hasEnded = false;

  private constructor(household: Household, { order, place, link, saved }: Beginning) {
    this.#household = household;
    this.order = order;
    this.name = nameOf(order);
    this.place = place;
    this.#isDelivered = saved !== undefined;
    this.#adds = new Set([order.add]);
    this.#changes = new Changes(this.#ground(), saved?.leaving);
    this.#clients = clientsOf(order, this.#surroundings(link), saved?.clients);
    this.#begin = household.loop.timer(() => this.#startWhenReady());
  }

  /** Begins to look for leases; throws where the namespace or the interface is not there. */
  static begin(household: Household, order: Order): Attachment {
    const found = identify(order.netns);
    if (found === undefined)
      throw new Error(`failed to open netns "${order.netns}": no such file or directory`);
    using namespace = Namespace.open(order.netns, household.home);
    const link = prepareLink(namespace, order);
    const place = { ...found, index: link.index, mac: link.mac ?? "" };
    const attachment = new Attachment(household, { order, place, link: interfaceOf(link) });
    attachment.#begin.at = bootMs();
    return attachment;
  }

  /** What was saved, not yet begun. Throws GoneError where there is nothing left to keep. */
  static revive(household: Household, saved: Saved): Attachment {
    const { order, place } = saved;
    const link = withPlace(household.home, place, (namespace) =>
      interfaceOf(prepareLink(namespace, order)),
    );
    if (link.index !== place.index) throw new GoneError("its interface is another now");
    return new Attachment(household, { order, place, link, saved });
  }

  #ground(): Ground {
    const { loop, home } = this.#household;
    return {
      loop,
      index: this.place.index,
      inside: (work) => withPlace(home, this.place, work),
      guard: (work) => this.#guard(work),
      keep: () => this.#save(),
      log: (text) => this.log(text),
    };
  }

  #surroundings(link: Interface): Surroundings {
    const { loop, settings, home } = this.#household;
    return {
      loop,
      settings,
      link,
      inside: (work) => withPlace(home, this.place, (namespace) => namespace.run(work)),
      log: (text) => this.log(text),
      onGranted: (client, before) => this.#onGranted(client, before),
      onLost: (client, lost, reason) => this.#onLost(client, lost, reason),
      onFailed: (client, reason) => this.#onFailed(client, reason),
      onGone: (error) => this.vanish(error.message),
    };
  }

  /** Goes on: renews what lives, asks for what may live no more. */
  resume(): void {
    for (const client of this.#clients) this.#guard(() => this.#changes.finish(client));
    for (const client of this.#clients) {
      if (!this.#hasEnded) this.#guard(() => client.start());
    }
  }

  /** What all its leases give; undefined while one of them is missing. */
  get granted(): Granted | undefined {
    const parts: Granted[] = [];
    for (const { granted } of this.#clients) {
      if (granted === undefined) return undefined;
      parts.push(granted);
    }
    return together(parts);
  }

  /** Whether it is where an order wants it to be; a path may lead elsewhere by now. */
  isAt({ netns }: Order): boolean {
    const found = identify(netns);
    return found?.dev === this.place.dev && found.ino === this.place.ino;
  }

  /** Answers an ADD once there is something to say: at once where the leases are there. */
  answer(add: string, answer: Answer): void {
    this.#adds.add(add);
    this.#waiting.set(add, answer);
    this.#deliver();
  }

  /** An ADD wants its leases no longer. They end, unless they are another one's, too. Tells whether they do. */
  abandon(add: string): boolean {
    this.#waiting.delete(add);
    if (!this.#adds.delete(add) || this.#adds.size > 0) return false;
    this.release();
    return true;
  }

  /** Gives all leases back, and ends. */
  release(): void {
    if (this.#hasEnded) return;
    for (const client of this.#clients) this.#guard(() => client.release());
    this.#end("it was released");
  }

  /** Ends without a word to the servers: what the leases were for is no more. */
  vanish(reason: string): void {
    if (this.#hasEnded) return;
    this.log(`its leases are left to expire: ${reason}`);
    this.#end(reason);
  }

  log(text: string): void {
    this.#household.log(`${this.name}: ${text}`);
  }

  describe(): object {
    const { network, containerId, ifName, netns } = this.order;
    const now = bootMs();
    const leases = this.#clients.map((client) => ({
      family: client.family,
      phase: client.phase,
      addresses: client.granted?.ips.map(({ address }) => address) ?? [],
      expiresIn: client.expiresAt === null ? null : Math.round((client.expiresAt - now) / 1000),
      ...client.describe(),
    }));
    return { network, containerId, ifName, netns, leases };
  }

  /** A link that has just come up may take a moment to pass packets: what is sent before is lost. */
  #startWhenReady(): void {
    const { home } = this.#household;
    this.#guard(() => {
      const late = bootMs() - this.#began > carrierPatience;
      const ready = withPlace(home, this.place, (namespace) =>
        isReady(namespace, home, this.place.index),
      );
      if (!ready && !late) {
        this.#begin.at = bootMs() + carrierPause;
        return;
      }
      this.#begin.at = null;
      for (const client of this.#clients) client.start();
    });
  }

  #onGranted(client: LeaseClient, before: Granted | undefined): void {
    const { granted } = client;
    if (granted === undefined) return;
    const names = namesOf(granted);
    if (before !== undefined) this.#household.counters.renewals++;
    const isChange =
      before === undefined || !isSame(before, granted) || this.#changes.isUnderWay(client);
    if (this.#isDelivered && isChange) {
      // The container has the old address until its runtime looks again; its interface has the new one now.
      const was = before === undefined ? "had none" : `was ${namesOf(before)}`;
      const isDone = this.#changes.begin(client, before);
      this.log(`leased ${names}${isDone ? " and put it on the interface" : ""} (${was})`);
    } else if (before === undefined) {
      this.log(`leased ${names || "settings without an address"}`);
    }
    this.#deliver();
    if (this.#isDelivered && !isChange) this.#save();
  }

  #onLost(client: LeaseClient, lost: Granted, reason: string): void {
    this.#household.counters.losses++;
    const isTaken = this.#isDelivered && this.#changes.begin(client, lost);
    const taken = isTaken ? "took it from the interface, " : "";
    this.log(`lost ${namesOf(lost)}: ${reason}; ${taken}looking for another`);
  }

  #onFailed(client: LeaseClient, reason: string): void {
    this.#household.counters.failures++;
    this.log(`no IPv${client.family} lease: ${reason}`);
    this.#giveUp(reason);
  }

  #giveUp(reason: string): void {
    for (const each of this.#clients) this.#guard(() => each.release());
    this.#end(reason);
  }

  /** The file is written before ADD is answered: a daemon that dies between leaves no lease unknown. */
  #deliver(): void {
    const granted = this.#waiting.size === 0 ? undefined : this.granted;
    if (granted === undefined) return;
    try {
      this.#save();
    } catch (error) {
      this.#giveUp(`cannot keep the lease: ${toCniError(error).message}`);
      return;
    }
    this.#isDelivered = true;
    this.#tell({ granted });
  }

  #save(): void {
    if (this.#hasEnded) return;
    const clients: Record<string, unknown> = {};
    for (const client of this.#clients) clients[client.family] = client.save();
    const [add = this.order.add] = this.#adds;
    const order = { ...this.order, add };
    const { leaving } = this.#changes;
    this.#household.store.write({ order, place: this.place, clients, leaving });
  }

  #end(reason: string): void {
    this.#hasEnded = true;
    this.#begin.at = null;
    this.#changes.close();
    for (const client of this.#clients) client.close();
    // Whatever becomes of the file, who waits is answered.
    this.#guard(() => this.#household.store.remove(this.order));
    this.#household.onEnd(this);
    this.#tell({ reason });
  }

  #tell(outcome: Outcome): void {
    const answers = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const answer of answers) answer(outcome);
  }

  /** Runs work that may find out that there is nothing left to work on. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (error instanceof GoneError) this.vanish(error.message);
      else this.log(error instanceof Error ? error.message : String(error));
    }
  }
}
