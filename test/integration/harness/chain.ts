/** A list of plugins called as a runtime does: forwards with each result passed on, backwards for DEL. */

import { assertSuccess, type Result, resultOf } from "./expect.ts";
import { type Call, type Host, type Reply, type Verb, withHost } from "./host.ts";
import type { Config } from "./networks.ts";

/** A plugin's configuration in a list, with its `type`. */
export type Member = Config & { readonly type: string };

type Where = Partial<Omit<Call, "config" | "plugin">>;

export class Chain {
  readonly #host: Host;
  readonly #where: Where;
  readonly #members: readonly Member[];
  result: Result | undefined;

  constructor(host: Host, members: readonly Member[], where: Where = {}) {
    this.#host = host;
    this.#members = members;
    this.#where = where;
  }

  /** Every plugin must succeed. */
  async add(): Promise<Result> {
    for (const member of this.#members) this.result = resultOf(await this.call("ADD", member));
    if (this.result === undefined) throw new Error("a chain has one plugin at least");
    return this.result;
  }

  async check(): Promise<void> {
    for (const member of this.#members) assertSuccess(await this.call("CHECK", member));
  }

  async del(): Promise<void> {
    for (const member of [...this.#members].reverse()) {
      assertSuccess(await this.call("DEL", member));
    }
    this.result = undefined;
  }

  /** Calls one plugin with the last result. */
  call(verb: Verb, member: Member, changes: Where = {}): Promise<Reply> {
    const prevResult = this.result;
    return this.#host.cni(verb, {
      ...this.#where,
      ...changes,
      plugin: member.type,
      config: { cniVersion: "1.0.0", name: "net1", ...member, prevResult },
    });
  }
}

/** A chain's first plugin, and what that needs on the host. */
export interface First {
  readonly member: Member;
  readonly prepare?: (host: Host) => Promise<void>;
}

/** What is tried with a chained plugin: on the interface of the container "c1" that the chain's first plugin has made. */
export type OnInterface = (host: Host, prevResult: Result, chain: Chain) => Promise<void>;

/** Runs steps in a world with such a container; the first plugin's DEL must succeed after them. */
export function onInterfaceOf({ member, prepare }: First, steps: OnInterface): Promise<void> {
  return withHost(async (host) => {
    await host.addNetns("c1");
    await prepare?.(host);
    const chain = new Chain(host, [member]);
    await steps(host, await chain.add(), chain);
    await chain.del();
  });
}

/** The members and calls of a chained plugin in these tests. */
export function chained(plugin: string, usual: Config = {}) {
  return {
    member: (keys: Config = {}): Member => ({
      cniVersion: "1.1.0",
      name: "net1",
      type: plugin,
      ...usual,
      ...keys,
    }),
    call: (config: Config, changes: object = {}) => ({ plugin, config, ...changes }),
  };
}
