/** One container on one network, from its ADD to its DEL. */

import { assertSuccess, type Result, resultOf } from "./expect.ts";
import type { Call, Host, Reply } from "./host.ts";
import { type Config, withResult } from "./networks.ts";

/** A call whose configuration is at hand for CHECK and DEL. */
export type AttachCall = Call & { readonly config: Config };

export interface Attachment {
  readonly result: Result;
  /** The host end of its veth pair. */
  readonly hostEnd: string;
  readonly reply: Reply;
  /** As a runtime calls them, with the result of ADD; `changes` to the call. */
  check(changes?: Partial<AttachCall>): Promise<Reply>;
  del(changes?: Partial<AttachCall>): Promise<Reply>;
}

/** An ADD that must succeed. */
export async function attach(host: Host, call: AttachCall): Promise<Attachment> {
  const reply = await host.cni("ADD", call);
  const result = resultOf(reply);
  const again = (verb: "CHECK" | "DEL", changes: Partial<AttachCall> = {}) =>
    host.cni(verb, { ...call, config: withResult(call.config, result), ...changes });
  return {
    result,
    reply,
    hostEnd: result.interfaces?.find(({ name }) => name.startsWith("veth"))?.name ?? "",
    check: (changes) => again("CHECK", changes),
    del: (changes) => again("DEL", changes),
  };
}

/** A DEL that must succeed. */
export async function detach(attachment: Attachment): Promise<void> {
  assertSuccess(await attachment.del());
}
