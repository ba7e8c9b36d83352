/** The way to the kernel: datagrams out, datagrams in, in as few system calls as can be. */

import { Errno, SysError } from "../sys/errno.ts";
import { type Patience, Poll, poll } from "../sys/poll.ts";
import { addressOf, attempt, check } from "../sys/syscall.ts";
import { encode } from "../sys/text.ts";
import type { Datagram } from "./message.ts";
import { Reader } from "./wire.ts";

/** What a NetlinkSocket talks through: the kernel, or in tests a function that plays it. */
export interface Channel {
  send(bytes: Uint8Array): void;
  /**
   * Waits for a datagram and takes as many as there are, at most `most`. Empty when the time is over; throws
   * SysError EINTR when there is none and `cancelFd` is readable. They are valid until the next call.
   */
  receive(most: number, patience: Patience): readonly Datagram[];
  /** Makes room for datagrams of this length from now on. */
  grow(length: number): void;
  /** Sets an option of level SOL_NETLINK; false when this kernel does not know it. */
  setOption(option: number, value: number): boolean;
  /** The number of the link of that name, which has at most 15 bytes, where the channel is; throws SysError ENODEV. */
  linkIndex(name: string): number;
  close(): void;
}

/** linux/socket.h, linux/net.h */
const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0x80000;
const SOL_SOCKET = 1;
const SOL_NETLINK = 270;
/** SO_SNDBUFFORCE: past the limit that holds for ordinary users */
const SO_SNDBUFFORCE = 32;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
/** SIOCGIFINDEX, linux/sockios.h */
const SIOCGIFINDEX = 0x8933;
/** IFNAMSIZ, linux/if.h: bytes for a name, with its NUL, in struct ifreq; a union follows, which here is an int */
const NAME_SIZE = 16;

/** struct sockaddr_nl, linux/netlink.h: the family; the kernel's port and groups are zero */
const KERNEL = Uint8Array.of(AF_NETLINK, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

/** Bytes in struct mmsghdr (struct msghdr, its length, padding) and in struct iovec, with 64 bits */
const VECTOR = 64;
const IOVEC = 16;

/** Half of it is what the kernel gives a dump at most in one datagram. */
const CAPACITY = 32768;
/** Datagrams taken in one call. Each acknowledgement comes in one of its own. */
const MOST = 16;

/** The vector that datagrams are received by, the same for all channels: an image holds it ready. */
const vector = new Uint8Array(MOST * (VECTOR + IOVEC));
const vectorWords = new Int32Array(vector.buffer);

/** Where datagrams are put, the same for all channels: they are read before the next are received. */
let buffer: Reader | undefined;

const opening = "open netlink socket";
/** The value of a netlink option that is being set. */
const optionValue = new Uint8Array(4);
/** struct ifreq, linux/if.h */
const interfaceRequest = new Uint8Array(40);
const interfaceWords = new Int32Array(interfaceRequest.buffer);

/** Makes a system call: the value, or minus the errno. */
export type SystemCall = typeof attempt;

/** Opens a socket to the kernel in the current network namespace, for `connectChannel`: its descriptor, or minus the errno. */
export function tryOpenSocket(protocol: number, system: SystemCall = attempt): number {
  return system("socket", AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
}

/** Opens a channel to the kernel in the current network namespace. */
export function openChannel(protocol: number, system: SystemCall = attempt): Channel {
  return connectChannel(check(tryOpenSocket(protocol, system), opening), system);
}

/**
 * A channel over an open socket, which is its own from now on. It is connected, which binds it, too: else whoever
 * administers a container's namespace could send it messages in the kernel's place.
 */
export function connectChannel(fd: number, system: SystemCall = attempt): Channel {
  const channel = new KernelChannel(fd, system);
  try {
    check(system("connect", fd, KERNEL, KERNEL.length), opening);
  } catch (error) {
    channel.close();
    throw error;
  }
  return channel;
}

class KernelChannel implements Channel {
  readonly #system: SystemCall;
  #fd: number;

  constructor(fd: number, system: SystemCall) {
    this.#fd = fd;
    this.#system = system;
  }

  send(bytes: Uint8Array): void {
    let sent = this.#sendOnce(bytes);
    // A transaction is one datagram however long it is; the kernel wants some room beside the bytes.
    if (sent === -Errno.EMSGSIZE) {
      this.#setSocketOption(SO_SNDBUFFORCE, 2 * bytes.length);
      sent = this.#sendOnce(bytes);
    }
    check(sent, "send to netlink");
  }

  #sendOnce(bytes: Uint8Array): number {
    let sent: number;
    do {
      sent = this.#system("sendto", this.#fd, bytes, bytes.length, 0, null, 0);
    } while (sent === -Errno.EINTR);
    return sent;
  }

  #setSocketOption(option: number, value: number): void {
    const bytes = new Uint8Array(Int32Array.of(value).buffer);
    const result = this.#system("setsockopt", this.#fd, SOL_SOCKET, option, bytes, bytes.length);
    check(result, "set netlink socket option", `${option}`);
  }

  receive(most: number, { timeoutMs, cancelFd = -1 }: Patience): readonly Datagram[] {
    for (;;) {
      // The kernel has answered by the time send returns: waiting is the exception, so try first.
      const datagrams = most === 1 ? this.#receiveOne() : this.#receiveSome(Math.min(most, MOST));
      if (datagrams.length > 0) return datagrams;
      const targets = [this.#fd, cancelFd].map((fd) => ({ fd, events: Poll.in }));
      const [ready = 0, cancelled = 0] = poll(targets, timeoutMs);
      if (ready !== 0) continue;
      if (cancelled !== 0) throw new SysError("wait for netlink", Errno.EINTR);
      return [];
    }
  }

  #receiveOne(): Datagram[] {
    const from = roomy();
    // Half the buffer, as everywhere: the kernel makes a dump's datagrams as long as it was ever ready to take.
    const room = from.bytes.length / 2;
    const flags = MSG_DONTWAIT | MSG_TRUNC;
    const length = this.#system("recvfrom", this.#fd, from.bytes, room, flags, null, null);
    if (!arrived(length)) return [];
    return [{ from, start: 0, end: Math.min(length, room), length }];
  }

  /** Takes up to `most` datagrams at once, the buffer being divided among them. */
  #receiveSome(most: number): Datagram[] {
    const from = roomy();
    const room = Math.trunc(from.bytes.length / most) & ~7;
    pointInto(from.bytes, most, room);
    const flags = MSG_DONTWAIT | MSG_TRUNC;
    const count = this.#system("recvmmsg", this.#fd, vector, most, flags, null);
    if (!arrived(count)) return [];
    const datagrams: Datagram[] = [];
    for (let index = 0; index < count; index++) {
      const start = index * room;
      const length = vectorWords[(index * VECTOR + 56) >> 2] as number;
      datagrams.push({ from, start, end: start + Math.min(length, room), length });
    }
    return datagrams;
  }

  grow(length: number): void {
    let capacity = roomy().bytes.length;
    while (capacity < 2 * length) capacity *= 2;
    buffer = new Reader(new Uint8Array(capacity));
  }

  setOption(option: number, value: number): boolean {
    optionValue[0] = value;
    const result = this.#system("setsockopt", this.#fd, SOL_NETLINK, option, optionValue, 4);
    if (result === -Errno.ENOPROTOOPT) return false;
    check(result, "set netlink socket option", `${option}`);
    return true;
  }

  linkIndex(name: string): number {
    const text = encode(name);
    if (text.length >= NAME_SIZE) throw new SysError("find link", Errno.ENODEV, name);
    interfaceRequest.fill(0, 0, NAME_SIZE);
    interfaceRequest.set(text);
    check(this.#system("ioctl", this.#fd, SIOCGIFINDEX, interfaceRequest), "find link", name);
    return interfaceWords[NAME_SIZE >> 2] as number;
  }

  close(): void {
    if (this.#fd >= 0) this.#system("close", this.#fd);
    this.#fd = -1;
  }
}

function roomy(): Reader {
  buffer ??= new Reader(new Uint8Array(CAPACITY));
  return buffer;
}

/** Whether a receiving call brought something; interrupted and empty-handed ones are followed by poll. */
function arrived(result: number): boolean {
  if (result === -Errno.EAGAIN || result === -Errno.EINTR) return false;
  check(result, "receive from netlink");
  return true;
}

/** Makes `vector` an array of struct mmsghdr, each with its struct iovec and that with `room` bytes of the buffer. */
function pointInto(bytes: Uint8Array, count: number, room: number): void {
  // Addresses are numbers, which are exact that far; bigints would cost ten times as much.
  let iovecAt = addressOf(vector) + MOST * VECTOR;
  let roomAt = addressOf(bytes);
  const words = vectorWords;
  let header = 0;
  let iovec = (MOST * VECTOR) >> 2;
  for (let index = 0; index < count; index++) {
    words[header + 4] = iovecAt;
    words[header + 5] = iovecAt / high;
    words[header + 6] = 1;
    words[iovec] = roomAt;
    words[iovec + 1] = roomAt / high;
    words[iovec + 2] = room;
    header += VECTOR >> 2;
    iovec += IOVEC >> 2;
    iovecAt += IOVEC;
    roomAt += room;
  }
}

/** What the upper half of an address counts. */
const high = 2 ** 32;
