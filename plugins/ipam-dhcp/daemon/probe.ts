/** Asks a link whether somebody has an address (RFC 5227, RFC 4862), for so long as it is told. */

import { toCniError } from "../../../pkg/cni/error.ts";
import { encodeProbe, showsConflict } from "../../../pkg/dhcp/arp.ts";
import * as neighbor from "../../../pkg/dhcp6/neighbor.ts";
import { decodePacket } from "../../../pkg/dhcp6/packet.ts";
import type { Address } from "../../../pkg/ip/address.ts";
import { bootMs } from "../../../pkg/sys/clock.ts";
import { Readiness } from "../../../pkg/sys/event-loop.ts";
import type { Fd } from "../../../pkg/sys/fd.ts";
import type { Timer } from "../../../pkg/sys/timers.ts";
import { GoneError, type Interface, type Surroundings } from "./lease-client.ts";
import {
  EtherType,
  type Filter,
  neighborMessages,
  openPacketSocket,
  type Packet,
  PacketBuffer,
  sendPacket,
} from "./packet-socket.ts";

/** How often it asks. */
const questions = 2;
/** How long to wait where it cannot ask. */
const pauseMs = 1_000;

/** How long somebody may take to claim an address. */
export interface ProbePatience {
  readonly ms: number;
  /** Whether it waits until it can ask: who has waited for the outcome would else wait for ever. */
  readonly isPatient: boolean;
}

/** What is asked, and how to know the answer that somebody has the address. */
export interface Inquiry {
  readonly protocol: number;
  readonly filter?: Filter;
  readonly question: { readonly bytes: Uint8Array; readonly to?: Uint8Array };
  isConflict(packet: Packet): boolean;
}

/** Who has an IPv4 address, by ARP. */
export function arpInquiry({ mac }: Interface, address: number): Inquiry {
  return {
    protocol: EtherType.arp,
    question: { bytes: encodeProbe(mac, address) },
    isConflict: ({ bytes }) => showsConflict(bytes, mac, address),
  };
}

/** Who has an IPv6 address, by neighbour discovery. */
export function neighborInquiry({ mac }: Interface, address: Address): Inquiry {
  return {
    protocol: EtherType.ipv6,
    filter: neighborMessages,
    question: neighbor.encodeProbe(address),
    isConflict: ({ bytes, from, summed }) => {
      const packet = decodePacket(bytes, summed);
      if (packet === undefined || from.every((byte, at) => byte === mac[at])) return false;
      return neighbor.showsConflict(packet, address);
    },
  };
}

/**
 * One question, until its answer is told or it is closed. Where no socket is to be had it throws, or is patient: then it
 * tries again each second.
 */
export class Probe {
  readonly #around: Surroundings;
  readonly #inquiry: Inquiry;
  readonly #pause: number;
  readonly #tell: (taken: boolean) => void;
  readonly #timer: Timer;
  readonly #isPatient: boolean;
  #socket: Fd | undefined;
  #hasComplained = false;
  #asked = 0;

  constructor(
    around: Surroundings,
    inquiry: Inquiry,
    { ms, isPatient }: ProbePatience,
    tell: (taken: boolean) => void,
  ) {
    this.#around = around;
    this.#inquiry = inquiry;
    this.#pause = ms / questions;
    this.#isPatient = isPatient;
    this.#tell = tell;
    this.#timer = around.loop.timer(() => this.#ask());
    this.#ask();
  }

  close(): void {
    this.#timer.at = null;
    if (this.#socket !== undefined) this.#around.loop.closeWhenIdle(this.#socket);
    this.#socket = undefined;
  }

  #ask(): void {
    const socket = this.#socket ?? this.#open();
    if (socket === undefined) return;
    if (this.#asked++ === questions) {
      this.#end(false);
      return;
    }
    const { protocol, question } = this.#inquiry;
    sendPacket(socket, this.#around.link, protocol, question);
    this.#timer.at = bootMs() + this.#pause;
  }

  #open(): Fd | undefined {
    const { loop, link, log, inside, onGone } = this.#around;
    const { protocol, filter } = this.#inquiry;
    try {
      const socket = inside(() => openPacketSocket(link, protocol, filter));
      this.#socket = loop.watchOwn(socket, Readiness.in, () => this.#listen(socket));
      return socket;
    } catch (error) {
      if (!this.#isPatient) throw error;
      if (error instanceof GoneError) {
        onGone(error);
        return undefined;
      }
      if (!this.#hasComplained) log(`cannot ask who has the address: ${toCniError(error).message}`);
      this.#hasComplained = true;
      this.#timer.at = bootMs() + pauseMs;
      return undefined;
    }
  }

  #listen(socket: Fd): void {
    const buffer = new PacketBuffer();
    for (let packet = buffer.receive(socket); packet; packet = buffer.receive(socket)) {
      if (!this.#inquiry.isConflict(packet)) continue;
      this.#end(true);
      return;
    }
  }

  #end(taken: boolean): void {
    this.close();
    this.#tell(taken);
  }
}

/** A question for each of several addresses; told are those that somebody has, once all answers are in. */
export class Probes {
  readonly #open = new Set<Probe>();

  constructor(
    around: Surroundings,
    inquiries: ReadonlyMap<string, Inquiry>,
    patience: ProbePatience,
    tell: (taken: readonly string[]) => void,
  ) {
    const taken: string[] = [];
    let left = inquiries.size;
    const open = (address: string, inquiry: Inquiry) => {
      const probe = new Probe(around, inquiry, patience, (isTaken) => {
        this.#open.delete(probe);
        if (isTaken) taken.push(address);
        if (--left === 0) tell(taken);
      });
      this.#open.add(probe);
    };
    try {
      for (const [address, inquiry] of inquiries) open(address, inquiry);
    } catch (error) {
      // Nobody gets this object, so nobody else would close what is open.
      this.close();
      throw error;
    }
  }

  close(): void {
    for (const probe of this.#open) probe.close();
    this.#open.clear();
  }
}
