/** Sockets for what an interface without an address can send and hear: packet(7), with a filter in the kernel. */

import { Icmp } from "../../../pkg/dhcp6/packet.ts";
import type { Fd } from "../../../pkg/sys/fd.ts";
import {
  bindSocket,
  openSocket,
  packetAddress,
  SocketFamily,
  SocketOption,
  SocketType,
  sendTo,
  setSocketOption,
  socketLevel,
} from "../../../pkg/sys/socket.ts";
import { type Instruction, withProgram } from "../../../pkg/sys/socket-filter.ts";
import { addressOf, retry } from "../../../pkg/sys/syscall.ts";
import type { Interface } from "./lease-client.ts";

/** ETH_P_*, linux/if_ether.h */
export const EtherType = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd } as const;

/** SOL_PACKET, PACKET_AUXDATA, TP_STATUS_CSUMNOTREADY: linux/if_packet.h, linux/socket.h */
const packetLevel = 263;
const auxiliaryData = 8;
const sumIsMissing = 8;

/** All of Ethernet. */
const everybody = new Uint8Array(6).fill(0xff);

/** What the kernel lets through to a socket; offsets count from the IP header. */
export type Filter = readonly Instruction[];

/** ICMPv6 types from one to another, right behind the IPv6 header. */
function icmpFilter(least: number, most: number): Filter {
  return [
    [0x30, 0, 0, 6], // ldb [6]: next header
    [0x15, 0, 4, 58], // jeq icmpv6
    [0x30, 0, 0, 40], // ldb [40]: type
    [0x35, 0, 2, least], // jge
    [0x25, 1, 0, most], // jgt
    [0x06, 0, 0, 0xffff], // ret: all of it
    [0x06, 0, 0, 0], // ret: nothing
  ];
}

/** What neighbours ask and answer, and what routers tell. */
export const neighborMessages = icmpFilter(Icmp.neighborSolicitation, Icmp.neighborAdvertisement);
export const routerMessages = icmpFilter(Icmp.routerAdvertisement, Icmp.routerAdvertisement);

/** Unfragmented UDP to the client's port. */
export const toClientPort: Filter = [
  [0x30, 0, 0, 9], // ldb [9]: protocol
  [0x15, 0, 6, 17], // jeq udp
  [0x28, 0, 0, 6], // ldh [6]: fragment
  [0x45, 4, 0, 0x1fff], // jset: not the first piece
  [0xb1, 0, 0, 0], // ldxb 4*([0]&0xf): the header's length
  [0x48, 0, 0, 2], // ldh [x+2]: destination port
  [0x15, 0, 1, 68], // jeq
  [0x06, 0, 0, 0xffff], // ret: all of it
  [0x06, 0, 0, 0], // ret: nothing
];

/** Opens a socket for one kind of packets on the interface, in the current namespace. */
export function openPacketSocket(
  { index, name }: Interface,
  protocol: number,
  filter?: Filter,
): Fd {
  // Of protocol 0 it hears nothing until it is bound, and then only what the filter lets through.
  const socket = openSocket(SocketFamily.packet, SocketType.datagram, 0);
  try {
    if (filter !== undefined) attachFilter(socket, filter);
    setSocketOption(socket, packetLevel, auxiliaryData, 1);
    bindSocket(socket, packetAddress(index, protocol), `packet socket on ${name}`);
  } catch (error) {
    socket[Symbol.dispose]();
    throw error;
  }
  return socket;
}

function attachFilter(socket: Fd, filter: Filter): void {
  withProgram(filter, (program) =>
    setSocketOption(socket, socketLevel, SocketOption.attachFilter, program),
  );
}

/** Sends a packet to everybody, or to one hardware address: the number of bytes, or minus an errno. */
export function sendPacket(
  socket: Fd,
  { index }: Interface,
  protocol: number,
  packet: { readonly bytes: Uint8Array; readonly to?: Uint8Array },
): number {
  const address = packetAddress(index, protocol, packet.to ?? everybody);
  return sendTo(socket, packet.bytes, address);
}

/** A packet that came. */
export interface Packet {
  readonly bytes: Uint8Array;
  /** The sender's hardware address. */
  readonly from: Uint8Array;
  /** False where its checksum is one that hardware would fill in, and none did. */
  readonly summed: boolean;
}

const room = 2048;

/** What packets are received into, again and again. */
export class PacketBuffer {
  readonly #bytes = new Uint8Array(room);
  readonly #from = new Uint8Array(20);
  readonly #control = new Uint8Array(64);
  readonly #vector = new Uint8Array(16);
  readonly #header = new DataView(new ArrayBuffer(56)); // struct msghdr

  /** The next packet, valid until the next call; undefined when there is none. What ails the socket is none either. */
  receive(socket: Fd): Packet | undefined {
    this.#prepare();
    const header = new Uint8Array(this.#header.buffer);
    const count = retry("recvmsg", socket.fd, header, 0x40); // MSG_DONTWAIT
    if (count <= 0) return undefined;
    return {
      bytes: this.#bytes.subarray(0, count),
      from: this.#from.slice(12, 12 + Math.min(8, this.#from[11] ?? 0)),
      summed: (this.#status() & sumIsMissing) === 0,
    };
  }

  #prepare(): void {
    const vector = new DataView(this.#vector.buffer);
    vector.setBigUint64(0, BigInt(addressOf(this.#bytes)), true);
    vector.setBigUint64(8, BigInt(room), true);
    const header = this.#header;
    header.setBigUint64(0, BigInt(addressOf(this.#from)), true);
    header.setUint32(8, this.#from.length, true);
    header.setBigUint64(16, BigInt(addressOf(this.#vector)), true);
    header.setBigUint64(24, 1n, true);
    header.setBigUint64(32, BigInt(addressOf(this.#control)), true);
    header.setBigUint64(40, BigInt(this.#control.length), true);
  }

  /** tp_status of struct tpacket_auxdata, the only control message there can be. */
  #status(): number {
    const control = new DataView(this.#control.buffer);
    const isThere =
      this.#header.getUint32(40, true) >= 36 &&
      control.getInt32(8, true) === packetLevel &&
      control.getInt32(12, true) === auxiliaryData;
    return isThere ? control.getUint32(16, true) : 0;
  }
}
