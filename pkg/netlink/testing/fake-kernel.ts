/** A kernel for tests: a function from the requests sent to the datagrams that answer them. */

import type { Channel } from "../channel.ts";
import { s32, u16, u32 } from "../codec.ts";
import { type Datagram, MessageFlag, MessageType } from "../message.ts";
import { Reader, Writer } from "../wire.ts";

/** A request as the fake kernel sees it. */
export interface Seen {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly body: Uint8Array;
}

/** What it answers: datagrams, or an error for the receiving call to fail with. */
export type Answer = Uint8Array | Error;

/** The port number of the socket under test. */
export const PORT = 4711;

/** A channel to a kernel that does what the function says, for each batch. */
export class FakeKernel implements Channel {
  readonly batches: Seen[][] = [];
  readonly options: [option: number, value: number][] = [];
  /** Room for one datagram. */
  room = 4096;
  isClosed = false;
  readonly #answer: (batch: Seen[]) => readonly Answer[];
  readonly #queue: Answer[] = [];

  constructor(answer: (batch: Seen[]) => readonly Answer[]) {
    this.#answer = answer;
  }

  send(bytes: Uint8Array): void {
    const batch = requestsIn(bytes);
    this.batches.push(batch);
    this.#queue.push(...this.#answer(batch));
  }

  /** Puts into the queue what nobody asked for. */
  push(...answers: Answer[]): void {
    this.#queue.push(...answers);
  }

  receive(most: number): readonly Datagram[] {
    const datagrams: Datagram[] = [];
    while (datagrams.length < most) {
      const next = this.#queue[0];
      if (next === undefined || (next instanceof Error && datagrams.length > 0)) break;
      this.#queue.shift();
      if (next instanceof Error) throw next;
      const from = new Reader(next.slice(0, this.room));
      datagrams.push({ from, start: 0, end: from.bytes.length, length: next.length });
    }
    return datagrams;
  }

  grow(length: number): void {
    this.room = Math.max(this.room, length);
  }

  linkIndex(name: string): number {
    throw new Error(`cannot find ${name}: the fake kernel has no links`);
  }

  setOption(option: number, value: number): boolean {
    this.options.push([option, value]);
    return true;
  }

  close(): void {
    this.isClosed = true;
  }
}

function requestsIn(bytes: Uint8Array): Seen[] {
  const from = new Reader(bytes);
  const seen: Seen[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = u32.get(from, at);
    seen.push({
      type: u16.get(from, at + 4),
      flags: u16.get(from, at + 6),
      sequence: u32.get(from, at + 8),
      body: bytes.slice(at + 16, at + length),
    });
    at += (length + 3) & ~3;
  }
  return seen;
}

/** A message for the socket under test. */
export function message(
  type: number,
  sequence: number,
  body: Uint8Array,
  { flags = 0, port = PORT } = {},
): Uint8Array {
  const to = new Writer();
  to.reserve(16);
  to.append(body);
  u32.set(to, 0, to.length);
  u16.set(to, 4, type);
  u16.set(to, 6, flags);
  u32.set(to, 8, sequence);
  u32.set(to, 12, port);
  to.length = (to.length + 3) & ~3;
  return to.written();
}

/** An acknowledgement, or with an errno a refusal: capped, so that only the request's header is repeated. */
export function ack(
  sequence: number,
  errno = 0,
  explanation: Uint8Array = new Uint8Array(),
): Uint8Array {
  const to = new Writer();
  to.reserve(4 + 16);
  s32.set(to, 0, -errno);
  to.append(explanation);
  const explained = explanation.length > 0 ? MessageFlag.explained : 0;
  return message(MessageType.error, sequence, to.written(), {
    flags: MessageFlag.capped | explained,
  });
}

/** The end of a dump. */
export function done(sequence: number, errno = 0): Uint8Array {
  const body = new Uint8Array(4);
  new DataView(body.buffer).setInt32(0, -errno, true);
  return message(MessageType.done, sequence, body, { flags: MessageFlag.multi });
}
