/** A connection to a message bus: enough of D-Bus to call a method and wait for its answer. */

import { monotonicMs, sleepMs } from "../sys/clock.ts";
import { Errno, isSysError, SysError } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { Poll, poll } from "../sys/poll.ts";
import { attempt, call, check, retry } from "../sys/syscall.ts";
import { decode, encode } from "../sys/text.ts";
import { traced } from "../sys/trace.ts";
import { systemBusAddresses } from "./address.ts";
import {
  decodeMessage,
  encodeCall,
  type Message,
  MessageType,
  type MethodCall,
  messageLength,
} from "./message.ts";
import { MalformedError, type Value } from "./value.ts";

/** How long to wait for everything that a connection is for, and what ends the wait early. */
export interface Patience {
  readonly timeoutMs: number;
  readonly cancelFd?: number;
}

/** An answer that says no. */
export class BusError extends Error {
  override readonly name = "BusError";
  /** As `org.freedesktop.DBus.Error.ServiceUnknown`. */
  readonly kind: string;

  constructor(kind: string, message: string) {
    super(message === "" ? kind : message);
    this.kind = kind;
  }
}

/** A bus that does not let us in: root of a user namespace is nobody to the host's. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
}

/** AF_UNIX and SOCK_* of linux/socket.h and linux/net.h; the flags are those of open */
const Socket = { unix: 1, stream: 1, nonBlocking: 0o4000, closeOnExec: 0o2000000 } as const;
/** MSG_NOSIGNAL, linux/socket.h */
const noSignal = 0x4000;

/** The bus itself, as a service. */
const bus = {
  destination: "org.freedesktop.DBus",
  path: "/org/freedesktop/DBus",
  interface: "org.freedesktop.DBus",
} as const;

const subject = "message bus";
/** Longer than any line that a bus says while it lets somebody in. */
const longestLine = 4096;

export class BusConnection implements Disposable {
  readonly #fd: Fd;
  readonly #end: number;
  readonly #cancelFd: number;
  #received = new Uint8Array(0);
  #serial = 0;

  private constructor(fd: Fd, { timeoutMs, cancelFd = -1 }: Patience) {
    this.#fd = fd;
    this.#end = monotonicMs() + timeoutMs;
    this.#cancelFd = cancelFd;
  }

  /** Connects to the system's bus; undefined where none is listening. */
  static openSystem(
    env: Readonly<Record<string, string>>,
    patience: Patience,
  ): BusConnection | undefined {
    for (const address of systemBusAddresses(env)) {
      const flags = Socket.stream | Socket.nonBlocking | Socket.closeOnExec;
      const connection = new BusConnection(
        new Fd(call("socket", Socket.unix, flags, 0), subject),
        patience,
      );
      try {
        connection.#connect(address);
        connection.#introduce();
        return connection;
      } catch (error) {
        connection[Symbol.dispose]();
        if (!isSysError(error, Errno.ENOENT, Errno.ECONNREFUSED, Errno.ENOTDIR)) throw error;
      }
    }
    return undefined;
  }

  /** Calls a method. Throws BusError where the answer says no, ETIMEDOUT and EINTR where there is none in time. */
  call(method: MethodCall): readonly Value[] {
    const purpose = `${method.interface}.${method.member}`;
    return traced("call", "call", purpose, () => this.#call(method));
  }

  /** Whether somebody on the bus has a name; nobody is started for it. */
  hasOwner(name: string): boolean {
    const [answer] = this.call({ ...bus, member: "NameHasOwner", arguments: [name] });
    return answer === true;
  }

  #call(method: MethodCall): readonly Value[] {
    const serial = ++this.#serial;
    this.#send(encodeCall(method, serial));
    for (;;) {
      const message = this.#receive();
      if (message.replySerial !== serial) continue; // a signal
      if (message.type === MessageType.return) return message.body;
      const [text] = message.body;
      throw new BusError(message.errorName, typeof text === "string" ? text : "");
    }
  }

  #connect(address: Uint8Array): void {
    for (let pause = 1; ; pause *= 2) {
      const result = retry("connect", this.#fd.fd, address, address.length);
      if (result !== -Errno.EAGAIN) {
        check(result, "connect", subject);
        return;
      }
      // Too many others are waiting to be let in.
      this.#checkTime("connect");
      sleepMs(Math.min(pause, 50));
    }
  }

  /** Says who we are, which the bus knows from the socket anyway, and takes a name. */
  #introduce(): void {
    const uid = encode(`${call("geteuid")}`);
    const hex = [...uid].map((byte) => byte.toString(16)).join("");
    this.#send(encode(`\0AUTH EXTERNAL ${hex}\r\n`));
    const line = this.#receiveLine();
    if (!line.startsWith("OK ")) throw new RefusedError(`the ${subject} refuses us: "${line}"`);
    this.#send(encode("BEGIN\r\n"));
    this.call({ ...bus, member: "Hello", arguments: [] });
  }

  #send(bytes: Uint8Array): void {
    for (let sent = 0; sent < bytes.length; ) {
      const rest = bytes.subarray(sent);
      const result = retry("sendto", this.#fd.fd, rest, rest.length, noSignal, null, 0);
      if (result === -Errno.EAGAIN) this.#wait(Poll.out, "send");
      else sent += check(result, "send", subject);
    }
  }

  #receive(): Message {
    for (;;) {
      const length = messageLength(this.#received);
      if (length !== undefined && length <= this.#received.length) {
        return decodeMessage(this.#take(length));
      }
      this.#receiveMore();
    }
  }

  #receiveLine(): string {
    for (;;) {
      const end = this.#received.indexOf(10);
      if (end >= 0) return decode(this.#take(end + 1)).trimEnd();
      if (this.#received.length > longestLine) throw new MalformedError(`the ${subject} babbles`);
      this.#receiveMore();
    }
  }

  #take(length: number): Uint8Array {
    const taken = this.#received.slice(0, length);
    this.#received = this.#received.slice(length);
    return taken;
  }

  #receiveMore(): void {
    const buffer = new Uint8Array(4096);
    let result = attempt("recvfrom", this.#fd.fd, buffer, buffer.length, 0, null, null);
    while (result === -Errno.EAGAIN || result === -Errno.EINTR) {
      this.#wait(Poll.in, "receive");
      result = attempt("recvfrom", this.#fd.fd, buffer, buffer.length, 0, null, null);
    }
    const count = check(result, "receive", subject);
    if (count === 0) throw new SysError("receive", Errno.ECONNRESET, subject);
    const all = new Uint8Array(this.#received.length + count);
    all.set(this.#received);
    all.set(buffer.subarray(0, count), this.#received.length);
    this.#received = all;
  }

  #wait(events: number, what: string): void {
    this.#checkTime(what);
    const targets = [
      { fd: this.#fd.fd, events },
      { fd: this.#cancelFd, events: Poll.in },
    ];
    const [, cancelled] = poll(targets, this.#end - monotonicMs());
    if (cancelled !== 0) throw new SysError(what, Errno.EINTR, subject);
  }

  #checkTime(what: string): void {
    if (monotonicMs() >= this.#end) throw new SysError(what, Errno.ETIMEDOUT, subject);
  }

  [Symbol.dispose](): void {
    this.#fd[Symbol.dispose]();
  }
}
