/** How an IPv6 client speaks and listens on its link: UDP for DHCPv6, ICMPv6 for what routers tell. */

import {
  type Advertisement,
  decodeAdvertisement,
  encodeSolicitation,
} from "../../../pkg/dhcp6/advertisement.ts";
import { decodeMessage, type Message } from "../../../pkg/dhcp6/message.ts";
import { decodePacket } from "../../../pkg/dhcp6/packet.ts";
import { errnoText } from "../../../pkg/sys/errno.ts";
import { Readiness } from "../../../pkg/sys/event-loop.ts";
import type { Fd } from "../../../pkg/sys/fd.ts";
import { inet6Address, receiveFrom, SocketFamily, sendTo } from "../../../pkg/sys/socket.ts";
import type { Surroundings } from "./lease-client.ts";
import {
  EtherType,
  openPacketSocket,
  PacketBuffer,
  routerMessages,
  sendPacket,
} from "./packet-socket.ts";
import { openUdp } from "./udp-socket.ts";

/** UDP ports, RFC 8415, 7.2 */
const Port = { client: 546, server: 547 } as const;
/** ff02::1:2, RFC 8415, 7.1 */
const allServers = Uint8Array.of(0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2);
const anyAddress = new Uint8Array(16);

const datagram = new Uint8Array(65_536);
const received = new PacketBuffer();

/** Who is told what comes. */
export interface Listeners {
  readonly onMessage: (message: Message) => void;
  readonly onAdvertisement: (advertisement: Advertisement) => void;
}

export class Voice6 {
  readonly #around: Surroundings;
  readonly #listeners: Listeners;
  #udp: Fd | undefined;
  #routers: Fd | undefined;

  constructor(around: Surroundings, listeners: Listeners) {
    this.#around = around;
    this.#listeners = listeners;
  }

  /** Sends to all servers; what cannot be sent now is a message that got lost, and is repeated. */
  say(message: Uint8Array): void {
    const { link, log } = this.#around;
    const result = sendTo(
      this.#openUdp(),
      message,
      inet6Address(allServers, Port.server, link.index),
    );
    if (result >= 0) return;
    log(`cannot send: ${errnoText(-result)}`);
    this.hush();
  }

  /** Asks routers to tell, and listens to them from now on. */
  solicit(): void {
    const { link, log } = this.#around;
    const result = sendPacket(this.#openRouters(), link, EtherType.ipv6, encodeSolicitation());
    if (result >= 0) return;
    log(`cannot ask routers: ${errnoText(-result)}`);
    this.#closeRouters();
  }

  /** Listens to servers no longer. */
  hush(): void {
    if (this.#udp === undefined) return;
    // At once: its port may be wanted again in a moment.
    this.#around.loop.unwatch(this.#udp.fd);
    this.#udp[Symbol.dispose]();
    this.#udp = undefined;
  }

  close(): void {
    this.hush();
    this.#closeRouters();
  }

  #closeRouters(): void {
    if (this.#routers !== undefined) this.#around.loop.closeWhenIdle(this.#routers);
    this.#routers = undefined;
  }

  #openUdp(): Fd {
    if (this.#udp !== undefined) return this.#udp;
    const { link, loop, inside } = this.#around;
    const socket = inside(() => openOn(link.name));
    this.#udp = loop.watchOwn(socket, Readiness.in, () => this.#hearServers(socket));
    return socket;
  }

  #hearServers(socket: Fd): void {
    while (this.#udp === socket) {
      const count = receiveFrom(socket, datagram);
      if (count < 0) return;
      const message = decodeMessage(datagram.subarray(0, count));
      if (message !== undefined) this.#listeners.onMessage(message);
    }
  }

  #openRouters(): Fd {
    if (this.#routers !== undefined) return this.#routers;
    const { link, loop, inside } = this.#around;
    const socket = inside(() => openPacketSocket(link, EtherType.ipv6, routerMessages));
    this.#routers = loop.watchOwn(socket, Readiness.in, () => this.#hearRouters(socket));
    return socket;
  }

  #hearRouters(socket: Fd): void {
    while (this.#routers === socket) {
      const packet = received.receive(socket);
      if (packet === undefined) return;
      const decoded = decodePacket(packet.bytes, packet.summed);
      const advertisement = decoded && decodeAdvertisement(decoded);
      if (advertisement !== undefined) this.#listeners.onAdvertisement(advertisement);
    }
  }
}

/** A UDP socket of the client's port on one interface, with whatever address that has. */
function openOn(link: string): Fd {
  const address = inet6Address(anyAddress, Port.client, 0);
  return openUdp({ family: SocketFamily.inet6, link, address, what: `port ${Port.client}` });
}
