/** One batch under way: which request each message from the kernel belongs to, and what is still missing. */

import { tell } from "../sys/trace.ts";
import { NetlinkError } from "./error.ts";
import type { Request } from "./message.ts";
import { errnoIn, explanationIn, type Message, MessageFlag, MessageType } from "./message.ts";
import type { Reader } from "./wire.ts";

/** Whom the messages of a datagram are for. */
export interface Receiver {
  /** Takes a message that the kernel sent to this socket; false when it is about something else. */
  accept(from: Reader, message: Message, isCut: boolean): boolean;
}

/** Stands for a reply that has to come yet. */
const awaited = Symbol("awaited");

/**
 * What has become of the requests of one batch. The kernel takes them in order and tells of a refusal unasked, so an
 * acknowledgement is asked for, and waited for, of the last one only: once that is there, the others are known to be done.
 */
export class Exchange implements Receiver {
  readonly replies: unknown[];
  /** Requests whose answer was longer than the room for it. They only read, so they can be sent again. */
  cut: number[] | undefined;
  /** How many messages have to come yet. */
  waiting: number;
  failure: NetlinkError | undefined;
  /** By request, what the kernel refused; undefined while it refused nothing. */
  errnos: number[] | undefined;
  /** The sequence number of the first request; the others follow. */
  readonly first: number;
  readonly #requests: readonly Request<unknown>[];
  /** The request that is acknowledged; -1 where the last of them has an answer. */
  readonly acknowledged: number;

  constructor(requests: readonly Request<unknown>[], first: number) {
    const replies: unknown[] = [];
    const { length } = requests;
    let waiting = 0;
    let last = length - 1;
    while (last > 0 && requests[last]?.quiet) last--;
    for (let index = 0; index < length; index++) {
      const isAwaited = index === last || (requests[index] as Request<unknown>).read !== undefined;
      if (isAwaited) waiting++;
      replies[index] = isAwaited ? awaited : undefined;
    }
    if (requests[last]?.read) last = -1;
    this.#requests = requests;
    this.first = first;
    this.acknowledged = last;
    this.replies = replies;
    this.waiting = waiting;
  }

  accept(from: Reader, message: Message, isCut: boolean): boolean {
    const index = message.sequence - this.first;
    const request = this.#requests[index];
    if (!request) return false;
    const { type } = message;
    if (type === MessageType.error || type === MessageType.done) {
      this.#acknowledge(index, from, message, isCut);
    } else if (request.read) {
      // An answer is all there is.
      if (isCut) this.#cutOff(index);
      this.#settle(index, isCut ? undefined : request.read(from, message.start, message.end));
    } else {
      return false; // a notification of the change, which comes as well when the socket has subscribed to it
    }
    return true;
  }

  /** The purpose of the first request that got no reply yet. */
  unanswered(): string {
    return this.#requests[this.replies.indexOf(awaited)]?.purpose ?? "talk to the kernel";
  }

  #acknowledge(index: number, from: Reader, message: Message, isCut: boolean): void {
    const errno = errnoIn(from, message);
    const request = this.#requests[index];
    if (errno !== 0 && request) {
      if (!request.absent?.includes(errno)) {
        // In a cut datagram the words, which come last, are lost; the number is not.
        const why = isCut ? {} : explanationIn(from, message);
        this.failure ??= new NetlinkError(request.purpose, errno, why);
      }
      this.errnos ??= [];
      this.errnos[index] = errno;
      if (request.quiet) this.waiting = 0;
    }
    this.#settle(index, undefined);
  }

  #cutOff(index: number): void {
    this.cut ??= [];
    this.cut.push(index);
  }

  #settle(index: number, reply: unknown): void {
    if (this.replies[index] !== awaited) return;
    this.replies[index] = reply;
    if (this.waiting > 0) this.waiting--;
  }
}

/** One reading of a dump. */
export class Dump<Reply> implements Receiver {
  readonly rows: Reply[];
  isDone: boolean;
  /** False when it changed under way, or when a part of it was too long for the room. */
  isSound: boolean;
  readonly #request: Request<Reply | undefined>;
  readonly #sequence: number;

  constructor(request: Request<Reply | undefined>, sequence: number) {
    this.#request = request;
    this.#sequence = sequence;
    this.rows = [];
    this.isDone = false;
    this.isSound = true;
  }

  accept(from: Reader, message: Message, isCut: boolean): boolean {
    if (message.sequence !== this.#sequence) return false;
    const request = this.#request;
    if (isCut || message.flags & MessageFlag.dumpInterrupted) this.isSound = false;
    if (message.type === MessageType.done || message.type === MessageType.error) {
      this.isDone = true;
      const errno = errnoIn(from, message);
      if (errno !== 0) throw new NetlinkError(request.purpose, errno, explanationIn(from, message));
    } else if (this.isSound && request.read) {
      const row = request.read(from, message.start, message.end);
      if (row !== undefined) this.rows.push(row);
    }
    return true;
  }
}

/** Tells the trace of a batch that is over. Its first request's number holds it together. */
export function tellExchange(
  requests: readonly Request<unknown>[],
  { first, errnos }: Exchange,
  start: number,
): void {
  const batch = requests.length > 1 ? { batch: first } : {};
  const operations = requests.map(({ purpose }, index) => {
    const errno = errnos?.[index] ?? 0;
    return { purpose, errno, failed: errno !== 0, ...batch };
  });
  tell("netlink", start, ...operations);
}
