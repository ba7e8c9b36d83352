/** Connections: who may make one, one question each, one answer. */

import { ErrorCode } from "../../../pkg/cni/error.ts";
import { bootMs } from "../../../pkg/sys/clock.ts";
import { Errno, exhausted, isSysError, type SysError } from "../../../pkg/sys/errno.ts";
import { type EventLoop, Readiness } from "../../../pkg/sys/event-loop.ts";
import type { Fd } from "../../../pkg/sys/fd.ts";
import { acceptFrom, peerOf, receiveFrom, sendTo } from "../../../pkg/sys/socket.ts";
import { call } from "../../../pkg/sys/syscall.ts";
import { encode } from "../../../pkg/sys/text.ts";
import type { Timer } from "../../../pkg/sys/timers.ts";
import { encodeWire, protocolVersion, WireFault, WireReader } from "../wire.ts";

/** An answer: what was asked for, or an error as CNI has them. */
export type Reply =
  | { readonly ok: unknown }
  | { readonly error: { readonly code: number; readonly msg: string; readonly details?: string } };

/** A question that came; whoever asked may hang up before it is answered. */
export interface Question {
  readonly request: unknown;
  reply(reply: Reply): void;
  /** Set by who takes it: what to do when the asker is gone before there was an answer. */
  onHangUp: (() => void) | undefined;
}

/** How long to wait while there is no room: who wants in is still there, so the listener would be ready again at once. */
const restMs = 250;

/** How long a connection may take to say what it wants, and how many there may be. */
const patienceMs = 30_000;
const most = 1024;

export class Server {
  readonly #loop: EventLoop;
  readonly #listener: Fd;
  readonly #handle: (question: Question) => void;
  readonly #log: (text: string) => void;
  readonly #connections = new Set<Connection>();
  readonly #rest: Timer;
  /** Whether it has been told that there is no room. */
  #isTold = false;

  constructor(
    loop: EventLoop,
    listener: Fd,
    handle: (question: Question) => void,
    log: (text: string) => void,
  ) {
    this.#loop = loop;
    this.#listener = listener;
    this.#handle = handle;
    this.#log = log;
    this.#rest = loop.timer(() => this.#watch());
    this.#watch();
  }

  #watch(): void {
    this.#rest.at = null;
    this.#loop.watch(this.#listener.fd, Readiness.in, () => this.#accept());
  }

  #accept(): void {
    for (;;) {
      // The others wait in the kernel's queue until there is room again.
      if (this.#connections.size >= most) {
        this.#loop.unwatch(this.#listener.fd);
        return;
      }
      const socket = this.#next();
      if (socket === undefined) return;
      this.#take(socket);
    }
  }

  #next(): Fd | undefined {
    try {
      const socket = acceptFrom(this.#listener);
      // Nobody is left waiting.
      if (socket === undefined) this.#isTold = false;
      return socket;
    } catch (error) {
      if (!isSysError(error, ...exhausted)) throw error;
      this.#pause(error);
      return undefined;
    }
  }

  /** Takes nobody for a moment. */
  #pause(error: SysError): void {
    if (!this.#isTold) this.#log(`cannot take connections for now: ${error.message}`);
    this.#isTold = true;
    this.#loop.unwatch(this.#listener.fd);
    this.#rest.at = bootMs() + restMs;
  }

  /** The socket's mode says the same; but it may have been passed by systemd with another, or be bind-mounted. */
  #take(socket: Fd): void {
    const { uid, pid } = peerOf(socket);
    const own = call("geteuid");
    if (uid !== 0 && uid !== own) {
      this.#log(`refused process ${pid} of user ${uid}`);
      const msg = `user ${uid} may not use the DHCP daemon`;
      sendTo(socket, encodeWire({ error: { code: ErrorCode.internal, msg } }));
      socket.close();
      return;
    }
    const connection = new Connection(this.#loop, socket, this.#handle, () => {
      this.#connections.delete(connection);
      if (this.#connections.size === most - 1) this.#watch();
    });
    this.#connections.add(connection);
  }
}

const buffer = new Uint8Array(65_536);

class Connection implements Question {
  request: unknown;
  onHangUp: (() => void) | undefined;
  readonly #loop: EventLoop;
  readonly #socket: Fd;
  readonly #handle: (question: Question) => void;
  readonly #onEnd: () => void;
  readonly #reader = new WireReader();
  readonly #deadline: Timer;
  #out: Uint8Array | undefined;

  constructor(
    loop: EventLoop,
    socket: Fd,
    handle: (question: Question) => void,
    onEnd: () => void,
  ) {
    this.#loop = loop;
    this.#socket = socket;
    this.#handle = handle;
    this.#onEnd = onEnd;
    this.#deadline = loop.timer(() => this.#end());
    loop.watchOwn(socket, Readiness.in | Readiness.peerHangUp, () => this.#read());
    this.#deadline.at = bootMs() + patienceMs;
  }

  reply(reply: Reply): void {
    if (this.#socket.fd < 0) return;
    this.onHangUp = undefined;
    this.#out = encodeWire(reply);
    this.#deadline.at = bootMs() + patienceMs;
    this.#loop.watch(this.#socket.fd, Readiness.out, () => this.#write());
    this.#write();
  }

  #read(): void {
    const count = receiveFrom(this.#socket, buffer);
    if (count === -Errno.EAGAIN) return;
    if (count <= 0) this.#end();
    // One question a connection; what comes behind it is nobody's.
    else if (this.request === undefined) this.#take(buffer.subarray(0, count));
  }

  #take(piece: Uint8Array): void {
    try {
      this.request = this.#reader.take(piece);
    } catch (error) {
      if (!(error instanceof WireFault)) throw error;
      this.#refuse(error);
      return;
    }
    if (this.request === undefined) return;
    this.#deadline.at = null;
    this.#handle(this);
  }

  /** In the language of the asker, as far as it can be guessed: the reference's plugin speaks HTTP. */
  #refuse({ message, peerVersion }: WireFault): void {
    if (peerVersion === undefined) {
      const body = "this is the DHCP daemon of another suite than the plugin's\n";
      sendTo(this.#socket, encode(`HTTP/1.0 400 ${body.trim()}\r\n\r\n${body}`));
      this.#end();
      return;
    }
    const msg = `${message}, the daemon ${protocolVersion}: restart the daemon after an upgrade`;
    this.reply({ error: { code: ErrorCode.notAvailable, msg } });
  }

  #write(): void {
    const out = this.#out ?? new Uint8Array(0);
    const count = sendTo(this.#socket, out);
    if (count === -Errno.EAGAIN) return;
    if (count < 0 || count === out.length) this.#end();
    else this.#out = out.subarray(count);
  }

  #end(): void {
    const { onHangUp } = this;
    this.onHangUp = undefined;
    this.#loop.unwatch(this.#socket.fd);
    this.#deadline.at = null;
    this.#socket[Symbol.dispose]();
    this.#onEnd();
    onHangUp?.();
  }
}
