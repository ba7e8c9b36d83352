/** Asks an Ethernet whether somebody has an address (RFC 5227), for so long as it is told. */

import { encodeProbe, showsConflict } from "../../../pkg/dhcp/arp.ts";
import { bootMs } from "../../../pkg/sys/clock.ts";
import { Readiness } from "../../../pkg/sys/event-loop.ts";
import type { Fd } from "../../../pkg/sys/fd.ts";
import type { Timer } from "../../../pkg/sys/timers.ts";
import type { Surroundings } from "./lease-client.ts";
import { EtherType, openPacketSocket, PacketBuffer, sendPacket } from "./packet-socket.ts";

/** How often it asks. */
const questions = 2;

/** One question, until its answer is told or it is closed. */
export class Probe {
  readonly #around: Surroundings;
  readonly #address: number;
  readonly #pause: number;
  readonly #tell: (taken: boolean) => void;
  readonly #socket: Fd;
  readonly #timer: Timer;
  #asked = 0;

  constructor(
    around: Surroundings,
    { address, ms }: { readonly address: number; readonly ms: number },
    tell: (taken: boolean) => void,
  ) {
    this.#around = around;
    this.#address = address;
    this.#pause = ms / questions;
    this.#tell = tell;
    this.#socket = around.inside(() => openPacketSocket(around.link, EtherType.arp));
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
    const { link } = this.#around;
    const bytes = encodeProbe(link.mac, this.#address);
    sendPacket(this.#socket, link, EtherType.arp, { bytes });
    this.#timer.at = bootMs() + this.#pause;
  }

  #listen(): void {
    const buffer = new PacketBuffer();
    for (let packet = buffer.receive(this.#socket); packet; packet = buffer.receive(this.#socket)) {
      if (!showsConflict(packet.bytes, this.#around.link.mac, this.#address)) continue;
      this.#end(true);
      return;
    }
  }

  #end(taken: boolean): void {
    this.close();
    this.#tell(taken);
  }
}
