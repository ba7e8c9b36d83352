/**
 * How a DHCPv4 client sends and hears: by whole packets while it has no address, by UDP once it has one. Packet sockets
 * are used no longer than need be: to close one takes the kernel some ten milliseconds.
 */

import { decodeFrame, encodeFrame, Port } from "../../../pkg/dhcp/frame.ts";
import { decodeMessage, longestMessage, type Message } from "../../../pkg/dhcp/message.ts";
import type { Route } from "../../../pkg/dhcp/state.ts";
import { dotted } from "../../../pkg/dhcp/value.ts";
import { Errno, isSysError } from "../../../pkg/sys/errno.ts";
import { Readiness } from "../../../pkg/sys/event-loop.ts";
import type { Fd } from "../../../pkg/sys/fd.ts";
import {
  inetAddress,
  receiveFrom,
  SocketFamily,
  SocketOption,
  sendTo,
} from "../../../pkg/sys/socket.ts";
import { fromHex, toHex } from "../order.ts";
import type { Surroundings } from "./lease-client.ts";
import {
  EtherType,
  openPacketSocket,
  PacketBuffer,
  sendPacket,
  toClientPort,
} from "./packet-socket.ts";
import { openUdp } from "./udp-socket.ts";

const everywhere = 0xffff_ffff;
const packets = new PacketBuffer();
/** A server may send more than we said we take. */
const datagram = new Uint8Array(2 * longestMessage);

/** Told of a message, and of the hardware address it came from where that is known. */
export type Hear = (message: Message, mac: string | undefined) => void;

export class Port4 {
  readonly #around: Surroundings;
  readonly #hear: Hear;
  #packets: Fd | undefined;
  /** One for what is sent to the address, one for what is sent to all. */
  #datagrams: readonly Fd[] = [];

  constructor(around: Surroundings, hear: Hear) {
    this.#around = around;
    this.#hear = hear;
  }

  /** Sends to all from no address: the number of bytes, or minus an errno. */
  shout(message: Uint8Array): number {
    return this.#frame(message, { source: 0, destination: everywhere });
  }

  /** Sends from the leased address, by the kernel's own way where the interface has it. */
  send(message: Uint8Array, route: Route, { from, mac }: { from: number; mac: string }): number {
    const to = route === "all" ? everywhere : route.to;
    const [socket] = this.#openDatagrams(from);
    if (socket !== undefined) return sendTo(socket, message, inetAddress(to, Port.server));
    return this.#frame(message, { source: from, destination: to }, to === everywhere ? "" : mac);
  }

  /** Sends where an answer came from, without asking the network first: the interface may be gone in a moment. */
  sendLast(message: Uint8Array, { from, to }: Exclude<Route, "all">, mac: string): number {
    if (mac === "") return this.send(message, { from, to }, { from, mac });
    return this.#frame(message, { source: from, destination: to }, mac);
  }

  close(): void {
    const { loop } = this.#around;
    if (this.#packets !== undefined) loop.closeWhenIdle(this.#packets);
    for (const socket of this.#datagrams) {
      loop.unwatch(socket.fd);
      socket[Symbol.dispose]();
    }
    this.#packets = undefined;
    this.#datagrams = [];
  }

  #frame(message: Uint8Array, ends: { source: number; destination: number }, mac = ""): number {
    const bytes = encodeFrame(message, ends);
    const to = mac === "" ? undefined : fromHex(mac);
    return sendPacket(this.#openPackets(), this.#around.link, EtherType.ipv4, { bytes, to });
  }

  #openPackets(): Fd {
    if (this.#packets !== undefined) return this.#packets;
    const { link, loop } = this.#around;
    const socket = this.#around.inside(() => openPacketSocket(link, EtherType.ipv4, toClientPort));
    this.#packets = loop.watchOwn(socket, Readiness.in, () => this.#takePackets(socket));
    return socket;
  }

  /** None where the interface does not have the address. */
  #openDatagrams(address: number): readonly Fd[] {
    if (this.#datagrams.length > 0) return this.#datagrams;
    const { link, loop } = this.#around;
    let both: readonly Fd[];
    try {
      both = this.#around.inside(() => openBoth(link.name, address));
    } catch (error) {
      if (isSysError(error, Errno.EADDRNOTAVAIL, Errno.EADDRINUSE)) return [];
      throw error;
    }
    this.#datagrams = both;
    try {
      for (const socket of both) {
        loop.watch(socket.fd, Readiness.in, () => this.#takeDatagrams(socket));
      }
    } catch (error) {
      // Nobody would hear the answers.
      this.close();
      throw error;
    }
    return both;
  }

  /** An answer may lead to the socket's end: what else has come was for the state before. */
  #takePackets(socket: Fd): void {
    for (let packet = packets.receive(socket); packet; packet = packets.receive(socket)) {
      const frame = decodeFrame(packet.bytes, packet.summed);
      const message = frame && decodeMessage(frame.payload);
      if (message !== undefined) this.#hear(message, toHex(packet.from));
      if (this.#packets !== socket) return;
    }
  }

  #takeDatagrams(socket: Fd): void {
    for (;;) {
      const count = receiveFrom(socket, datagram);
      if (count <= 0) return;
      const message = decodeMessage(datagram.subarray(0, count));
      if (message !== undefined) this.#hear(message, undefined);
      if (!this.#datagrams.includes(socket)) return;
    }
  }
}

function openBoth(link: string, address: number): readonly Fd[] {
  const own = openDatagram(link, address);
  try {
    return [own, openDatagram(link, everywhere)];
  } catch (error) {
    own[Symbol.dispose]();
    throw error;
  }
}

/** A UDP socket of the client's port on an interface. */
function openDatagram(link: string, address: number): Fd {
  return openUdp({
    family: SocketFamily.inet,
    link,
    address: inetAddress(address, Port.client),
    what: dotted(address),
    options: [SocketOption.reuseAddress, SocketOption.broadcast],
  });
}
