/** Requests against the bytes that iproute2 sends for the same. */

import { MessageFlag, type Request, writeMessage } from "../message.ts";
import { Reader, Writer } from "../wire.ts";
import { hex, toHex } from "./hex.ts";

/** A request as scripts/capture-wire.sh shows one: type and flags, a bar, the body. */
export function wireOf(request: Request<unknown>): string {
  const to = new Writer();
  writeMessage(to, request, request.read ? 0 : MessageFlag.ack, 0);
  const text = toHex(to.written());
  return `${text.slice(8, 16)} | ${text.slice(32)}`;
}

/** What a request makes of an answer with this body. */
export function answerOf<Reply>(request: Request<Reply>, body: string): Reply {
  const bytes = hex(body);
  if (!request.read) throw new Error(`"${request.purpose}" has no answer`);
  return request.read(new Reader(bytes), 0, bytes.length);
}
