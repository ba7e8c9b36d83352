/** Netlink messages: requests as values, the header before each, and the kernel's acknowledgements. */

import { attributes, s32, string, u32 } from "./codec.ts";
import type { Explanation } from "./error.ts";
import { type Reader, WireError, type Writer } from "./wire.ts";

/** NLMSG_*, linux/netlink.h */
export const MessageType = { error: 2, done: 3 } as const;

/** NLM_F_*, linux/netlink.h; which of the upper ones apply depends on the request's kind */
export const MessageFlag = {
  request: 0x1,
  multi: 0x2,
  ack: 0x4,
  echo: 0x8,
  dumpInterrupted: 0x10,
  /** For a request that creates. */
  replace: 0x100,
  exclusive: 0x200,
  create: 0x400,
  append: 0x800,
  /** For a request that reads: all there are. */
  dump: 0x300,
  /** For an acknowledgement. */
  capped: 0x100,
  explained: 0x200,
} as const;

/** Bytes in struct nlmsghdr */
export const HEADER = 16;

/** One thing to ask of the kernel: data, sent by a NetlinkSocket, alone or in a batch. */
export interface Request<Reply = void> {
  /** What it does, for the error: `create link cni0`. */
  readonly purpose: string;
  readonly type: number;
  /** Those of MessageFlag that its kind needs; request, ack and dump are the socket's business. */
  readonly flags: number;
  /** Writes what follows the header. */
  write(to: Writer): void;
  /**
   * Reads the answer, or each message of a dump: undefined for one that was not asked for, since old kernels
   * do not look at every filter. A request without it changes something and is only acknowledged.
   */
  read?(from: Reader, start: number, end: number): Reply;
  /** Errnos by which the kernel says that there is none: the reply is undefined then, and nothing has failed. */
  readonly absent?: readonly number[];
  /** Asks for no acknowledgement: nfnetlink's marks around a transaction. Its failure is the whole batch's. */
  readonly quiet?: true;
}

/** The replies to a list of requests, in its order. */
export type Replies<R extends readonly Request<unknown>[]> = {
  -readonly [K in keyof R]: R[K] extends Request<infer Reply> ? Reply : never;
};

/**
 * Lets what a request asks for be missing: `absent` is among the errnos that say so. It changes the request, which must be
 * the caller's own: a copy would cost as much again.
 */
export function optional<Reply>(
  request: Request<Reply>,
  absent: number,
): Request<Reply | undefined> {
  const own: { absent?: readonly number[] } = request;
  own.absent = request.absent === undefined ? [absent] : [absent, ...request.absent];
  return request;
}

/** A message's header and where it lies. */
export interface Message {
  type: number;
  flags: number;
  sequence: number;
  port: number;
  /** What follows the header. */
  start: number;
  end: number;
}

/** A message that `readMessage` fills in. */
export function noMessage(): Message {
  return { type: 0, flags: 0, sequence: 0, port: 0, start: 0, end: 0 };
}

/** Appends a whole message. */
export function writeMessage(
  to: Writer,
  request: Request<unknown>,
  flags: number,
  sequence: number,
): void {
  const start = to.length;
  const body = start + HEADER;
  if (body > to.capacity) to.grow(body);
  to.length = body;
  request.write(to);
  const end = to.length;
  const { words } = to;
  const at = start >> 2;
  words[at] = end - start;
  words[at + 1] = request.type | ((request.flags | flags | MessageFlag.request) << 16);
  words[at + 2] = sequence;
  // The next one begins on such a bound; there is room, as the memory ends on one.
  to.length = (end + 3) & ~3;
}

/** One datagram, as far as it fitted. */
export interface Datagram {
  readonly from: Reader;
  readonly start: number;
  readonly end: number;
  /** Its true length; more than end - start when it was cut. */
  readonly length: number;
}

/**
 * Reads the header at `at` into a message: a new one for each would cost as much as all else. The last one of a
 * datagram that was cut may pass its end. Returns where the next one starts.
 */
export function readMessage(into: Message, datagram: Datagram, at: number): number {
  const { end } = datagram;
  const { words } = datagram.from;
  const left = end - at;
  const word = at >> 2;
  const length = left < HEADER ? left : (words[word] as number) >>> 0;
  if (length < HEADER || (length > left && !isCut(datagram))) {
    throw new WireError(`cannot decode a message of ${length} bytes: ${left} are left`);
  }
  const kind = words[word + 1] as number;
  into.type = kind & 0xffff;
  into.flags = kind >>> 16;
  into.sequence = words[word + 2] as number;
  into.port = (words[word + 3] as number) >>> 0;
  into.start = at + HEADER;
  const ownEnd = length > left ? end : at + length;
  into.end = ownEnd;
  return (ownEnd + 3) & ~3;
}

/** Whether a datagram was longer than the room for it. */
export function isCut({ start, end, length }: Datagram): boolean {
  return length > end - start;
}

/** NLMSGERR_ATTR_*, linux/netlink.h */
const explanation = attributes({
  text: [1, string],
  offset: [2, u32],
  missing: [5, u32],
});

/** The errno in an acknowledgement or at a dump's end, 0 for success. */
export function errnoIn(from: Reader, message: Message): number {
  if (message.end - message.start < 4) {
    // A dump's end always carries it; one that does not has nothing to complain about.
    if (message.type === MessageType.done) return 0;
    throw new WireError("cannot decode an acknowledgement: it has no error number");
  }
  return Math.abs(s32.get(from, message.start));
}

/** What the kernel adds to the errno. It lies behind the request's copy, of which the header is always there. */
export function explanationIn(from: Reader, message: Message): Explanation {
  const { start, end, flags, type } = message;
  if (!(flags & MessageFlag.explained)) return {};
  let at = start + 4;
  if (type === MessageType.error && end - at >= HEADER) {
    const copied = flags & MessageFlag.capped ? HEADER : u32.get(from, at);
    if (copied >= end) return {};
    at += (copied + 3) & ~3;
  }
  return at < end ? explanation.read(from, at, end, {}) : {};
}
