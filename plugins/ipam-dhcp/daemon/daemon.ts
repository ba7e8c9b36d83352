/** The daemon: questions in, leases kept. */

import { CniError, ErrorCode, toCniError } from "../../../pkg/cni/error.ts";
import { Namespace } from "../../../pkg/ns/namespace.ts";
import { bootMs } from "../../../pkg/sys/clock.ts";
import { exhausted, isSysError } from "../../../pkg/sys/errno.ts";
import type { EventLoop } from "../../../pkg/sys/event-loop.ts";
import { processId } from "../../../pkg/sys/process.ts";
import { type Key, nameOf, type Order, type Request } from "../order.ts";
import { Attachment, type Household } from "./attachment.ts";
import type { Question, Reply } from "./server.ts";
import type { Settings } from "./settings.ts";
import type { Store } from "./store.ts";

/** What a daemon is made of. */
export interface Parts {
  readonly loop: EventLoop;
  readonly settings: Settings;
  readonly store: Store;
  readonly version: string;
  readonly log: (text: string) => void;
}

export class Daemon {
  readonly #parts: Parts;
  readonly #household: Household;
  readonly #attachments = new Map<string, Attachment>();
  readonly #counters = { adds: 0, releases: 0, renewals: 0, losses: 0, failures: 0 };
  readonly #began = bootMs();

  constructor(parts: Parts) {
    this.#parts = parts;
    const { loop, settings, store, log } = parts;
    this.#household = {
      loop,
      settings,
      store,
      home: Namespace.own(),
      log,
      counters: this.#counters,
      onEnd: (attachment) => {
        if (this.#attachments.get(attachment.name) === attachment) {
          this.#attachments.delete(attachment.name);
        }
      },
    };
  }

  /** Goes on with what the daemon before left. */
  resume(): void {
    const { store, log } = this.#parts;
    for (const saved of store.readAll(log)) {
      const name = nameOf(saved.order);
      try {
        const attachment = Attachment.revive(this.#household, saved);
        this.#attachments.set(name, attachment);
        attachment.resume();
      } catch (error) {
        const { message } = toCniError(error);
        // What this daemon lacks room for, the next may have it for.
        if (isSysError(error, ...exhausted)) {
          log(`${name}: its leases wait for the daemon's next start: ${message}`);
          continue;
        }
        store.remove(saved.order);
        log(`${name}: its leases are left to expire: ${message}`);
      }
    }
    if (this.#attachments.size > 0)
      log(`keeping the leases of ${this.#attachments.size} attachments`);
  }

  /** Answers a question, now or when there is an answer. */
  handle(question: Question): void {
    try {
      this.#dispatch(question);
    } catch (error) {
      question.reply(refusal(error));
    }
  }

  #dispatch(question: Question): void {
    const request = (question.request ?? {}) as Request;
    if (request.method === "allocate") this.#allocate(request.order, question);
    else question.reply({ ok: this.#answer(request) });
  }

  /** What can be said at once. */
  #answer(request: Exclude<Request, { method: "allocate" }>): object {
    switch (request.method) {
      case "release":
        return this.#release(request.key, request.add);
      case "check":
        return this.#check(request.key);
      case "gc":
        return this.#collect(request.network, request.valid);
      case "ping":
        return { version: this.#parts.version };
      case "status":
        return this.#describe();
      default:
        throw new CniError(ErrorCode.internal, "unknown method");
    }
  }

  #find(key: Key): Attachment | undefined {
    return this.#attachments.get(nameOf(key));
  }

  /** One attachment, one state machine: an ADD that is repeated gets what the first one got, or waits with it. */
  #allocate(asked: Order, question: Question): void {
    this.#counters.adds++;
    const { hostprefix } = this.#parts.settings;
    const order = { ...asked, netns: `${hostprefix}${asked.netns}` };
    let attachment = this.#find(order);
    if (attachment !== undefined && !attachment.isAt(order)) {
      attachment.vanish("another container has its name now");
      attachment = undefined;
    }
    const taken = attachment ?? this.#begin(order);
    let isAnswered = false;
    taken.answer(order.add, (outcome) => {
      isAnswered = true;
      if ("granted" in outcome) question.reply({ ok: outcome.granted });
      else question.reply(refusal(new Error(outcome.reason)));
    });
    if (isAnswered) return;
    // Whoever asked has given up: what would come is nobody's, unless others wait for it, too.
    question.onHangUp = () => void taken.abandon(order.add);
  }

  #begin(order: Order): Attachment {
    const attachment = Attachment.begin(this.#household, order);
    this.#attachments.set(attachment.name, attachment);
    return attachment;
  }

  #release(key: Key, add: string | undefined): object {
    const attachment = this.#find(key);
    if (attachment === undefined) return {};
    if (add === undefined) attachment.release();
    else if (!attachment.abandon(add)) return {};
    this.#counters.releases++;
    return {};
  }

  #check(key: Key): object {
    const attachment = this.#find(key);
    if (attachment === undefined) {
      throw new CniError(ErrorCode.internal, `no lease for ${nameOf(key)}: the daemon knows none`);
    }
    const { granted } = attachment;
    if (granted !== undefined) return granted;
    throw new CniError(ErrorCode.internal, `no lease for ${nameOf(key)}: it was lost`);
  }

  #collect(network: string, valid: readonly Key[]): object {
    const names = new Set(valid.map(nameOf));
    let released = 0;
    for (const attachment of [...this.#attachments.values()]) {
      if (attachment.order.network !== network || names.has(attachment.name)) continue;
      attachment.release();
      released++;
    }
    return { released };
  }

  #describe(): object {
    return {
      version: this.#parts.version,
      pid: processId(),
      uptime: Math.round((bootMs() - this.#began) / 1000),
      counters: this.#counters,
      attachments: Array.from(this.#attachments.values(), (attachment) => attachment.describe()),
    };
  }
}

function refusal(error: unknown): Reply {
  const { code, message, details } = toCniError(error);
  return { error: { code, msg: message, details } };
}
