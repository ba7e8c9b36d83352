/** UDP sockets of one interface. */

import type { Fd } from "../../../pkg/sys/fd.ts";
import {
  bindSocket,
  openSocket,
  SocketOption,
  SocketType,
  setSocketOption,
  socketLevel,
} from "../../../pkg/sys/socket.ts";
import { encode } from "../../../pkg/sys/text.ts";

/** What a socket is to be bound to. */
export interface UdpPlace {
  /** SocketFamily */
  readonly family: number;
  /** The interface's name. */
  readonly link: string;
  readonly address: Uint8Array;
  /** For the message. */
  readonly what: string;
  /** SO_* of SOL_SOCKET that are to be on. */
  readonly options?: readonly number[];
}

/** Opens a socket in the current namespace that hears and speaks on one interface only. */
export function openUdp({ family, link, address, what, options = [] }: UdpPlace): Fd {
  const socket = openSocket(family, SocketType.datagram, 0);
  try {
    for (const option of options) setSocketOption(socket, socketLevel, option, 1);
    setSocketOption(socket, socketLevel, SocketOption.bindToDevice, encode(link));
    bindSocket(socket, address, `${what} on ${link}`);
  } catch (error) {
    socket[Symbol.dispose]();
    throw error;
  }
  return socket;
}
