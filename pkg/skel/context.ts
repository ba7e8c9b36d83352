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
  readonly log: (line: string) => void;
  /** Readable once the runtime wants the call to end; -1 for none. */
  readonly cancelFd: number;
  /** The environment and the configuration as they came, for a plugin that hands them on. */
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
}

/** A verb's view of one call. Namespaces open at the first use. */
export class Context<Config> implements Disposable {
  readonly config: Config;
  readonly network: string;
  readonly cniVersion: string;
  readonly containerId: string;
  readonly ifName: string;
  readonly netns: string;
  readonly cniArgs: Readonly<Record<string, string>>;
  readonly prevResult: Result | undefined;
  readonly validAttachments: readonly Attachment[];
  readonly ipam: Ipam;
  /** Writes a line to stderr, where runtimes collect it. */
  readonly log: (line: string) => void;
  /** For waits: readable once the runtime wants the call to end; -1 for none. */
  readonly cancelFd: number;
  /** The environment and the configuration as they came, for a plugin that hands them on. */
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
  /** How to take back what ADD did; runs when it fails or is interrupted. */
  readonly undo = new Undo();
  readonly #failures: unknown[] = [];
  #host: Namespace | undefined;
  #container: Namespace | undefined;

  constructor(input: ContextInput<Config>) {
    this.config = input.config;
    this.network = input.network;
    this.cniVersion = input.cniVersion;
    this.containerId = input.containerId;
    this.ifName = input.ifName;
    this.netns = input.netns;
    this.cniArgs = input.cniArgs;
    this.prevResult = input.prevResult;
    this.validAttachments = input.validAttachments;
    this.ipam = input.ipam;
    this.log = input.log;
    this.cancelFd = input.cancelFd;
    this.env = input.env;
    this.stdin = input.stdin;
  }

  /** The namespace the plugin was started in. */
  get host(): Namespace {
    this.#host ??= Namespace.own();
    return this.#host;
  }

  /** The container's namespace. Throws code 8 where CNI_NETNS leads to none. */
  get container(): Namespace {
    if (this.#container !== undefined) return this.#container;
    try {
      this.#container = Namespace.open(this.netns, this.host);
      return this.#container;
    } catch (error) {
      if (!(error instanceof NoNamespaceError)) throw error;
      const message = `failed to open netns "${this.netns}": ${error.message}`;
      throw new CniError(ErrorCode.invalidNetns, message);
    }
  }

  /** The container's namespace if it still exists: DEL must succeed without it. */
  readonly findContainer = (): Namespace | undefined => {
    this.#container ??= Namespace.find(this.netns, this.host);
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
    for (const failure of others) this.log(`failed as well: ${toCniError(failure).message}`);
    throw first;
  }

  [Symbol.dispose](): void {
    this.#container?.[Symbol.dispose]();
    this.#host?.[Symbol.dispose]();
  }
}
