/** Asks a link whether somebody has an address (RFC 5227, RFC 4862), for so long as it is told. */

import { encodeProbe, showsConflict } from "../../../pkg/dhcp/arp.ts";
import * as neighbor from "../../../pkg/dhcp6/neighbor.ts";
import { decodePacket } from "../../../pkg/dhcp6/packet.ts";
import type { Address } from "../../../pkg/ip/address.ts";
import { bootMs } from "../../../pkg/sys/clock.ts";
import { Readiness } from "../../../pkg/sys/event-loop.ts";
import type { Fd } from "../../../pkg/sys/fd.ts";
import type { Timer } from "../../../pkg/sys/timers.ts";
import type { Interface, Surroundings } from "./lease-client.ts";
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

/** One question, until its answer is told or it is closed. */
export class Probe {
  readonly #around: Surroundings;
  readonly #inquiry: Inquiry;
  readonly #pause: number;
  readonly #tell: (taken: boolean) => void;
  readonly #socket: Fd;
  readonly #timer: Timer;
  #asked = 0;

  constructor(around: Surroundings, inquiry: Inquiry, ms: number, tell: (taken: boolean) => void) {
    this.#around = around;
    this.#inquiry = inquiry;
    this.#pause = ms / questions;
    this.#tell = tell;
    const { protocol, filter } = inquiry;
    this.#socket = around.inside(() => openPacketSocket(around.link, protocol, filter));
    this.#timer = around.loop.timer(() => this.#ask());
    around.loop.watch(this.#socket.fd, Readiness.in, () => this.#listen());
    this.#ask();
  }

  close(): void {
    this.#timer.at = null;
    this.#around.loop.closeWhenIdle(this.#socket);
  }

  #ask(): void {
    if (this.#asked++ === questions) {
      this.#end(false);
      return;
    }
    const { protocol, question } = this.#inquiry;
    sendPacket(this.#socket, this.#around.link, protocol, question);
    this.#timer.at = bootMs() + this.#pause;
  }

  #listen(): void {
    const buffer = new PacketBuffer();
    for (let packet = buffer.receive(this.#socket); packet; packet = buffer.receive(this.#socket)) {
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
