/** The plugin's side of the socket: one question, one answer. */

import { CniError, ErrorCode } from "../../pkg/cni/error.ts";
import { Errno, errnoText } from "../../pkg/sys/errno.ts";
import type { Fd } from "../../pkg/sys/fd.ts";
import { Poll, poll } from "../../pkg/sys/poll.ts";
import {
  connectSocket,
  openSocket,
  receiveFrom,
  SocketFamily,
  SocketType,
  sendTo,
  unixAddress,
} from "../../pkg/sys/socket.ts";
import { check } from "../../pkg/sys/syscall.ts";
import type { Request } from "./order.ts";
import { encodeWire, protocolVersion, WireFault, WireReader } from "./wire.ts";

/** How long to wait for what. */
export interface Patience {
  /** Ends the wait for the answer when it becomes readable; -1 for nothing. */
  readonly cancelFd: number;
  /** Milliseconds for the answer; negative for as long as it takes. */
  readonly timeoutMs: number;
}

/** No daemon took the call: it does not run, or does not answer. */
export class UnreachableError extends CniError {}

/** Asks the daemon. Throws what it answers with, UnreachableError (code 50) where there is none. */
export function callDaemon(path: string, request: Request, patience: Patience): unknown {
  using socket = dial(path);
  sendAll(socket, encodeWire(request));
  const reply = receiveReply(socket, request.method, patience);
  return unwrap(reply, request.method);
}

function dial(path: string): Fd {
  const failed = (errno: number) =>
    new UnreachableError(
      ErrorCode.notAvailable,
      `error dialing DHCP daemon: dial unix ${path}: connect: ${errnoText(errno)}`,
    );
  const address = unixAddress(path);
  if (address === undefined) throw failed(Errno.ENAMETOOLONG);
  const socket = openSocket(SocketFamily.unix, SocketType.stream, 0);
  // A full queue means a daemon that is busy: its turn comes.
  let result = connectSocket(socket, address);
  for (let tries = 0; result === -Errno.EAGAIN && tries < 500; tries++) {
    poll([], 20);
    result = connectSocket(socket, address);
  }
  if (result >= 0) return socket;
  socket[Symbol.dispose]();
  throw failed(-result);
}

function sendAll(socket: Fd, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    const result = sendTo(socket, bytes.subarray(done));
    if (result === -Errno.EAGAIN) poll([{ fd: socket.fd, events: Poll.out }], 10_000);
    // Whoever hangs up before all is said may have left a reason to read.
    else if (result === -Errno.EPIPE || result === -Errno.ECONNRESET) return;
    else done += check(result, "send to the DHCP daemon");
  }
}

function receiveReply(socket: Fd, method: string, { cancelFd, timeoutMs }: Patience): unknown {
  const reader = new WireReader();
  const buffer = new Uint8Array(65_536);
  for (;;) {
    const targets = [
      { fd: socket.fd, events: Poll.in },
      { fd: cancelFd, events: Poll.in },
    ];
    const [ready = 0, cancelled = 0] = poll(targets, timeoutMs);
    if (cancelled !== 0) {
      throw new CniError(ErrorCode.tryAgainLater, "interrupted while waiting for a lease");
    }
    if (ready === 0) throw unreachable(method, `no answer in ${timeoutMs / 1000} seconds`);
    const count = receiveFrom(socket, buffer);
    if (count === -Errno.EAGAIN) continue;
    if (count <= 0) throw unreachable(method, "it hung up");
    try {
      const reply = reader.take(buffer.subarray(0, count));
      if (reply !== undefined) return reply;
    } catch (error) {
      if (!(error instanceof WireFault)) throw error;
      throw unreachable(method, faultText(error));
    }
  }
}

function faultText({ message, peerVersion }: WireFault): string {
  if (peerVersion === undefined) return message;
  return `${message}, this plugin ${protocolVersion}: restart the daemon after an upgrade`;
}

function unreachable(method: string, reason: string): UnreachableError {
  const text = `error calling the DHCP daemon (${method}): ${reason}`;
  return new UnreachableError(ErrorCode.notAvailable, text);
}

interface Reply {
  ok?: unknown;
  error?: { code?: number; msg?: string; details?: string };
}

function unwrap(reply: unknown, method: string): unknown {
  const { ok, error } = (reply ?? {}) as Reply;
  if (error === undefined) return ok;
  const name = method === "allocate" ? "DHCP.Allocate" : `DHCP.${method}`;
  const text = `error calling ${name}: ${error.msg ?? "no reason given"}`;
  throw new CniError(error.code ?? ErrorCode.internal, text, error.details);
}
