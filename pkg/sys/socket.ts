/** Sockets: opened, bound and connected without waiting; addresses as the kernel lays them out. */

import { Errno } from "./errno.ts";
import { Fd } from "./fd.ts";
import { attempt, check, retry } from "./syscall.ts";
import { encode } from "./text.ts";

/** AF_*, linux/socket.h */
export const SocketFamily = { unix: 1, inet: 2, inet6: 10, packet: 17 } as const;

/** SOCK_*, linux/net.h */
export const SocketType = { stream: 1, datagram: 2, raw: 3 } as const;

/** SO_* of level SOL_SOCKET, asm-generic/socket.h */
export const SocketOption = {
  reuseAddress: 2,
  broadcast: 6,
  receiveBuffer: 8,
  peerCredentials: 17,
  bindToDevice: 25,
  attachFilter: 26,
} as const;

/** SOL_SOCKET, asm-generic/socket.h */
export const socketLevel = 1;

const nonBlocking = 0o4000;
const closeOnExec = 0o2000000;
/** MSG_*, linux/socket.h */
const dontWait = 0x40;
const noSignal = 0x4000;

/** Opens a socket in the current network namespace; nothing on it waits. */
export function openSocket(family: number, type: number, protocol: number): Fd {
  const flags = nonBlocking | closeOnExec;
  return new Fd(check(attempt("socket", family, type | flags, protocol), "open socket"), "socket");
}

/** Sets an option to bytes, or to a number in four of them. */
export function setSocketOption(
  fd: Fd,
  level: number,
  option: number,
  value: number | Uint8Array,
): void {
  const bytes = typeof value === "number" ? u32(value) : value;
  const result = attempt("setsockopt", fd.fd, level, option, bytes, bytes.length);
  check(result, "set socket option", `${level}.${option}`);
}

function u32(value: number): Uint8Array {
  return Uint8Array.of(value, value >> 8, value >> 16, value >> 24);
}

/** Gives the socket its own address; `what` is for the message. */
export function bindSocket(fd: Fd, address: Uint8Array, what: string): void {
  check(attempt("bind", fd.fd, address, address.length), "bind", what);
}

/** Connects: 0, or minus an errno. */
export function connectSocket(fd: Fd, address: Uint8Array): number {
  return retry("connect", fd.fd, address, address.length);
}

/** Has the socket take connections. */
export function listenOn(fd: Fd, backlog: number): void {
  check(attempt("listen", fd.fd, backlog), "listen", fd.subject);
}

/** The next connection; undefined when there is none. */
export function acceptFrom(fd: Fd): Fd | undefined {
  const result = retry("accept4", fd.fd, null, null, nonBlocking | closeOnExec);
  if (result === -Errno.EAGAIN || result === -Errno.ECONNABORTED) return undefined;
  return new Fd(check(result, "accept", fd.subject), "connection");
}

/** Sends a datagram: the number of bytes, or minus an errno. Without an address, to the one connected to. */
export function sendTo(fd: Fd, bytes: Uint8Array, address?: Uint8Array): number {
  return retry(
    "sendto",
    fd.fd,
    bytes,
    bytes.length,
    dontWait | noSignal,
    address ?? null,
    address?.length ?? 0,
  );
}

/** Takes what there is: the number of bytes, 0 at a stream's end, or minus an errno (EAGAIN: nothing now). */
export function receiveFrom(fd: Fd, buffer: Uint8Array): number {
  return retry("recvfrom", fd.fd, buffer, buffer.length, dontWait, null, null);
}

/** Who is at the other end of a unix socket (struct ucred). */
export interface Credentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** Who connected, at the time when they did. */
export function peerOf(fd: Fd): Credentials {
  const bytes = new Uint8Array(12);
  const length = u32(bytes.length);
  const { peerCredentials } = SocketOption;
  const result = attempt("getsockopt", fd.fd, socketLevel, peerCredentials, bytes, length);
  check(result, "ask for the peer", fd.subject);
  const view = new DataView(bytes.buffer);
  return {
    pid: view.getInt32(0, true),
    uid: view.getUint32(4, true),
    gid: view.getUint32(8, true),
  };
}

/** Bytes in sun_path, linux/un.h, less its NUL */
const longestPath = 107;

/** struct sockaddr_un of a path; undefined for one that is too long. */
export function unixAddress(path: string): Uint8Array | undefined {
  const text = encode(path);
  if (text.length > longestPath) return undefined;
  const bytes = new Uint8Array(2 + text.length + 1);
  bytes[0] = SocketFamily.unix;
  bytes.set(text, 2);
  return bytes;
}

/** struct sockaddr_in: an IPv4 address as a number, and a port. */
export function inetAddress(address: number, port: number): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, SocketFamily.inet, true);
  view.setUint16(2, port);
  view.setUint32(4, address);
  return bytes;
}

/** struct sockaddr_in6: an IPv6 address of 16 bytes, a port and, for one of a link's own, the link's index. */
export function inet6Address(address: Uint8Array, port: number, scope: number): Uint8Array {
  const bytes = new Uint8Array(28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, SocketFamily.inet6, true);
  view.setUint16(2, port);
  bytes.set(address, 8);
  view.setUint32(24, scope, true);
  return bytes;
}

/** struct sockaddr_ll, linux/if_packet.h: a link, what is spoken on it and, for sending, a hardware address. */
export function packetAddress(index: number, protocol: number, hardware?: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(20);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, SocketFamily.packet, true);
  view.setUint16(2, protocol);
  view.setInt32(4, index, true);
  bytes[11] = hardware?.length ?? 0;
  if (hardware !== undefined) bytes.set(hardware.subarray(0, 8), 12);
  return bytes;
}
