/** The one netlink socket: sequence numbers, acknowledgements, multipart answers, repetition. All waiting ends. */

import { monotonicMs } from "../sys/clock.ts";
import { Errno, isSysError } from "../sys/errno.ts";
import type { Patience } from "../sys/poll.ts";
import { observer, traced } from "../sys/trace.ts";
import { type Channel, connectChannel, openChannel } from "./channel.ts";
import { NetlinkError } from "./error.ts";
import { Dump, Exchange, type Receiver, tellExchange } from "./exchange.ts";
import {
  type Datagram,
  isCut,
  MessageFlag,
  noMessage,
  type Replies,
  type Request,
  readMessage,
  writeMessage,
} from "./message.ts";
import { Writer } from "./wire.ts";

/** NETLINK_*, linux/netlink.h: what can be opened */
export const Protocol = { route: 0, netfilter: 12, generic: 16 } as const;

/** NETLINK_*, linux/netlink.h: socket options */
const Option = { join: 1, leave: 2, explain: 11, strict: 12 } as const;

/** The kernel answers at once; this only ends what would otherwise wait for ever. */
const PATIENCE: Patience = { timeoutMs: 10_000 };
/** How often a dump that changed under way is read anew. */
const DUMP_TRIES = 8;
/** Requests in one sendto: what is said to each must fit the socket's receive buffer (208 KB by default). */
const BATCH = 64;
/** Datagrams of a dump taken in one call: the second is often just its end. */
const DUMP_DATAGRAMS = 2;

/** NLMSG_NOOP: the kernel does nothing but acknowledge, which tells the socket's own port number. */
const greeting: Request = { purpose: "talk to the kernel", type: 1, flags: 0, write: () => {} };

/** What is sent is written here, and a message that is read stands here: one at a time, whatever the socket. */
const to = new Writer();
const message = noMessage();

/** A socket to one netlink family, in the namespace it was opened in. */
export class NetlinkSocket implements Disposable {
  /** Runs work while no other process of this suite does so in the same namespace; by itself it just runs it. */
  inTurn: <T>(work: () => T) => T = (work) => work();
  readonly #channel: Channel;
  #sequence = 1;
  /** The socket's address, learnt from the first reply; 0 until then. */
  #port = 0;
  #strict = false;
  #subscribed = false;
  /** Messages that were not replies arrived: what was read before them may be out of date. */
  #stirred = false;

  /** A socket over any channel; tests give it one that plays the kernel. */
  constructor(channel: Channel) {
    this.#channel = channel;
    channel.setOption(Option.explain, 1);
  }

  /** Opens a socket in the current namespace. */
  static open(protocol: number): NetlinkSocket {
    return new NetlinkSocket(openChannel(protocol));
  }

  /** A socket over a descriptor that `tryOpenSocket` gave, which is its own from now on. */
  static over(fd: number): NetlinkSocket {
    return new NetlinkSocket(connectChannel(fd));
  }

  /**
   * Sends the requests in one batch and returns their replies. Throws the first failure, after all were
   * read: the kernel goes on with the later requests of a batch, so an undo must cope with their having
   * been done or not. More than 64 go in several batches, of which none follows one that failed.
   */
  send<R extends readonly Request<unknown>[]>(...requests: R): Replies<R> {
    return this.sendAll(requests);
  }

  /** As `send`, for callers that have a list. */
  sendAll<R extends readonly Request<unknown>[]>(requests: R): Replies<R> {
    const replies: unknown[] = [];
    if (requests.length === 0) return replies as Replies<R>;
    if (requests.length <= BATCH || requests.some((request) => request.quiet)) {
      return this.#exchange(requests) as Replies<R>;
    }
    for (let at = 0; at < requests.length; at += BATCH) {
      replies.push(...this.#exchange(requests.slice(at, at + BATCH)));
    }
    return replies as Replies<R>;
  }

  /** Reads all that a request selects. Repeats it when the kernel says that it changed meanwhile. */
  dump<Reply>(request: Request<Reply | undefined>): Reply[] {
    if (!this.#strict) this.#channel.setOption(Option.strict, 1);
    this.#strict = true;
    if (observer === undefined) return this.#dumpConsistently(request);
    return traced("netlink", "", request.purpose, () => this.#dumpConsistently(request));
  }

  #dumpConsistently<Reply>(request: Request<Reply | undefined>): Reply[] {
    for (let tries = 0; tries < DUMP_TRIES; tries++) {
      const rows = this.#dumpOnce(request);
      if (rows) return rows;
    }
    throw new NetlinkError(request.purpose, Errno.EINTR, {
      text: `it changed during each of ${DUMP_TRIES} readings`,
    });
  }

  /**
   * Waits until `check` returns something: asked at once and then after whatever happens in the multicast
   * groups (see RouteGroup), without polling. Undefined when the time is over; throws SysError EINTR when the wait is
   * cancelled.
   */
  waitFor<T>(
    groups: readonly number[],
    check: () => T | undefined,
    { timeoutMs, cancelFd }: Patience,
  ): T | undefined {
    const found = check();
    if (found !== undefined) return found;
    const deadline = monotonicMs() + timeoutMs;
    // Others' changes carry their sequence numbers: only the port tells them from replies.
    if (this.#port === 0) this.send(greeting);
    for (const group of groups) this.#channel.setOption(Option.join, group);
    this.#subscribed = true;
    try {
      return this.#watch(check, deadline, cancelFd);
    } finally {
      this.#subscribed = false;
      for (const group of groups) this.#channel.setOption(Option.leave, group);
    }
  }

  /**
   * The number of the link of that name, which has at most 15 bytes, in the socket's namespace: for the caller that made
   * it, at a fifth of what an answer costs that tells of the whole link. Throws SysError ENODEV where there is none.
   */
  linkIndex(name: string): number {
    return this.#channel.linkIndex(name);
  }

  [Symbol.dispose](): void {
    this.#channel.close();
  }

  #watch<T>(check: () => T | undefined, deadline: number, cancelFd?: number): T | undefined {
    for (;;) {
      this.#stirred = false;
      const found = check();
      if (found !== undefined) return found;
      const left = deadline - monotonicMs();
      if (left <= 0) return undefined;
      if (!this.#stirred) this.#receive(DUMP_DATAGRAMS, { timeoutMs: left, cancelFd });
    }
  }

  #exchange(requests: readonly Request<unknown>[]): unknown[] {
    const exchange = new Exchange(requests, this.#sequence);
    const start = observer === undefined ? undefined : monotonicMs();
    this.#write(requests, 0, exchange.acknowledged);
    let longest = 0;
    while (exchange.waiting > 0) {
      const datagrams = this.#receive(exchange.waiting, PATIENCE);
      if (datagrams.length === 0) throw new NetlinkError(exchange.unanswered(), Errno.ETIMEDOUT);
      for (const datagram of datagrams) {
        if (datagram.length > longest) longest = datagram.length;
        this.#deliver(datagram, exchange);
      }
    }
    if (start !== undefined) tellExchange(requests, exchange, start);
    if (exchange.failure) throw exchange.failure;
    if (exchange.cut !== undefined) this.#again(requests, exchange, exchange.cut, longest);
    return exchange.replies;
  }

  /** Asks again what was too long for its share of the buffer, one by one. */
  #again(
    requests: readonly Request<unknown>[],
    { replies }: Exchange,
    cut: readonly number[],
    longest: number,
  ): void {
    this.#channel.grow(longest);
    for (const index of cut) {
      const request = requests[index];
      if (request) replies[index] = this.send(request)[0];
    }
  }

  /** One reading of a dump; undefined when it was not consistent or did not fit. */
  #dumpOnce<Reply>(request: Request<Reply | undefined>): Reply[] | undefined {
    const dump = new Dump(request, this.#sequence);
    this.#write([request], MessageFlag.dump, -1);
    while (!dump.isDone) {
      const datagrams = this.#receive(DUMP_DATAGRAMS, PATIENCE);
      if (datagrams.length === 0) throw new NetlinkError(request.purpose, Errno.ETIMEDOUT);
      for (const datagram of datagrams) {
        this.#deliver(datagram, dump);
        if (isCut(datagram)) this.#channel.grow(datagram.length);
      }
    }
    return dump.isSound ? dump.rows : undefined;
  }

  /** Sends the requests with these flags, the one at `acknowledged` with NLM_F_ACK. */
  #write(requests: readonly Request<unknown>[], flags: number, acknowledged: number): void {
    to.clear();
    for (let index = 0; index < requests.length; index++) {
      const all = index === acknowledged ? flags | MessageFlag.ack : flags;
      writeMessage(to, requests[index] as Request<unknown>, all, this.#sequence++);
    }
    this.#channel.send(to.written());
  }

  #receive(most: number, patience: Patience): readonly Datagram[] {
    for (;;) {
      try {
        return this.#channel.receive(most, patience);
      } catch (error) {
        // With a subscription it is notifications that did not fit, and their loss is as good as one.
        if (!this.#subscribed || !isSysError(error, Errno.ENOBUFS)) throw error;
        this.#stirred = true;
      }
    }
  }

  /** Hands each message of a datagram that is for this socket to `receiver`. */
  #deliver(datagram: Datagram, receiver: Receiver): void {
    const { from, start, end } = datagram;
    const cut = isCut(datagram);
    for (let at = start; at < end; ) {
      const next = readMessage(message, datagram, at);
      const isOurs = this.#port === 0 || message.port === this.#port;
      const passesEnd = cut && message.end === end;
      if (isOurs && receiver.accept(from, message, passesEnd)) this.#port = message.port;
      else this.#stirred = true;
      at = next;
    }
  }
}
