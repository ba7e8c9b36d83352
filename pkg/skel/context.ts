/** What a verb is given: the call, its configuration, the two namespaces, the IPAM plugin, the way back. */

import { CniError, ErrorCode, toCniError } from "../cni/error.ts";
import type { Result } from "../cni/result.ts";
import type { Ipam } from "../ipam/ipam.ts";
import { Namespace, NoNamespaceError } from "../ns/namespace.ts";
import { Undo } from "./undo.ts";

/** One attachment, as GC's list of valid ones names it. */
export interface Attachment {
  readonly containerID: string;
  readonly ifname: string;
}

/** The parts of a context that come from the call itself. */
export interface ContextInput<Config> {
  readonly config: Config;
  /** The network's name. */
  readonly network: string;
  readonly cniVersion: string;
  readonly containerId: string;
  readonly ifName: string;
  /** CNI_NETNS as given; may be empty for DEL. */
  readonly netns: string;
  /** The known keys of CNI_ARGS. */
  readonly cniArgs: Readonly<Record<string, string>>;
  readonly prevResult: Result | undefined;
  /** GC only: what must stay. */
  readonly validAttachments: readonly Attachment[];
  readonly ipam: Ipam;
  /** Writes a line to stderr, where runtimes collect it. */
  readonly log: (line: string) => void;
  /** For waits: readable once the runtime wants the call to end; -1 for none. */
  readonly cancelFd: number;
  /** The environment and the configuration as they came, for a plugin that hands them on. */
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
}

/** A verb's view of one call: what came with it, and what it opens and pushes on its way. */
export type Context<Config> = ContextInput<Config> & CallState;

/** The context of a call; to be disposed of when the call is over. */
export function makeContext<Config>(input: ContextInput<Config>): Context<Config> {
  return Object.assign(new CallState(input), input);
}

/** What a call holds open. Namespaces open at the first use. */
class CallState implements Disposable {
  /** How to take back what ADD did; runs when it fails or is interrupted. */
  readonly undo = new Undo();
  readonly #netns: string;
  readonly #cancelFd: number;
  readonly #log: (line: string) => void;
  readonly #failures: unknown[] = [];
  #host: Namespace | undefined;
  #container: Namespace | undefined;

  constructor({ netns, log, cancelFd }: Pick<ContextInput<unknown>, "netns" | "log" | "cancelFd">) {
    this.#netns = netns;
    this.#cancelFd = cancelFd;
    this.#log = log;
  }

  /** The namespace the plugin was started in. */
  get host(): Namespace {
    if (this.#host === undefined) {
      this.#host = Namespace.own();
      this.#host.cancelFd = this.#cancelFd;
    }
    return this.#host;
  }

  /** The container's namespace. Throws code 8 where CNI_NETNS leads to none. */
  get container(): Namespace {
    if (this.#container !== undefined) return this.#container;
    try {
      this.#container = Namespace.open(this.#netns, this.host);
      return this.#container;
    } catch (error) {
      if (!(error instanceof NoNamespaceError)) throw error;
      const message = `failed to open netns "${this.#netns}": ${error.message}`;
      throw new CniError(ErrorCode.invalidNetns, message);
    }
  }

  /** The container's namespace if it still exists: DEL must succeed without it. */
  readonly findContainer = (): Namespace | undefined => {
    this.#container ??= Namespace.find(this.#netns, this.host);
    return this.#container;
  };

  /** Runs a step of DEL or GC; its failure is told at the end, after the other steps had their turn. */
  readonly attempt = (step: () => void): void => {
    try {
      step();
    } catch (error) {
      this.#failures.push(error);
    }
  };

  /** Throws the first failure that `attempt` kept; the others are logged, as an error object holds only one. */
  finishAttempts(): void {
    if (this.#failures.length === 0) return;
    const [first, ...others] = this.#failures;
    for (const failure of others) this.#log(`failed as well: ${toCniError(failure).message}`);
    throw first;
  }

  [Symbol.dispose](): void {
    this.#container?.[Symbol.dispose]();
    this.#host?.[Symbol.dispose]();
  }
}
