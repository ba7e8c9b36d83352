/** A test's view of its world: commands, namespaces, files, and calls of CNI plugins in it. */

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  type CommandOptions,
  describe,
  type Outcome,
  type Running,
  run,
  start,
} from "./command.ts";
import { checkPreconditions } from "./executables.ts";
import { Resident, runBy } from "./resident.ts";
import { changes, readSnapshot, type Snapshot } from "./snapshot.ts";
import { makeWorld, oursInWorld, type World } from "./world.ts";

export type Verb = "ADD" | "CHECK" | "DEL" | "GC" | "STATUS" | "VERSION";

/** A call of a plugin. What is left out takes the usual value; an undefined variable is not set at all. */
export interface Call {
  readonly plugin?: string;
  /** Text is passed as it is. */
  readonly config: object | string;
  /** The name of a namespace, or a path, or "" for none. */
  readonly netns?: string | undefined;
  readonly ifName?: string;
  readonly containerId?: string;
  readonly args?: string;
  /** CNI_PATH; the executable is taken from its first directory that is ours or the reference's. */
  readonly path?: string;
  /** Where the called executable is, if not with ours. */
  readonly from?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Put in front: strace, a shell that limits something. */
  readonly wrap?: readonly string[];
  readonly deadlineMs?: number;
}

/** How a call ended. */
export interface Reply extends Outcome {
  /** stdout parsed; throws where it is not exactly one JSON document. */
  readonly json: unknown;
}

export class Host {
  readonly #world: World;
  readonly #netns: string[] = [];
  /** Programs that stay, by what they are; undefined where every call starts its own. */
  #residents: Map<string, Resident> | undefined;

  constructor(world: World) {
    this.#world = world;
  }

  /** Where a file of this world is to be found from outside. */
  outside(path: string): string {
    return join(this.#world.root, path);
  }

  /** Writes a file of this world. */
  write(path: string, text: string, mode = 0o644): string {
    mkdirSync(dirname(this.outside(path)), { recursive: true });
    writeFileSync(this.outside(path), text, { mode });
    return path;
  }

  /** Puts a shell script where CNI_PATH can find it; the value is its directory. */
  script(name: string, body: string): string {
    return dirname(this.write(`/run/scripts/${name}`, `#!/bin/sh\n${body}\n`, 0o755));
  }

  /** The argv that runs a program in this world, for whoever must start it by other means. */
  enter(argv: readonly string[]): string[] {
    return this.#world.enter(argv);
  }

  /** Starts a program in this world, or in one of its namespaces. */
  start(argv: readonly string[], options: CommandOptions & { netns?: string } = {}): Running {
    return start(this.#world.enter(argv, options.netns), options);
  }

  /**
   * From now on `cni`, `run` and `snapshot` use programs that stay, until a namespace is removed: they would keep it.
   * For sweeps, which call thousands of times.
   */
  stay(): void {
    this.#residents ??= new Map();
  }

  #leave(): void {
    for (const resident of this.#residents?.values() ?? []) resident.end();
    this.#residents = undefined;
  }

  #resident(argv: readonly string[], netns: string | undefined): Resident | undefined {
    if (this.#residents === undefined) return undefined;
    const key = [netns, ...argv].join(" ");
    let resident = this.#residents.get(key);
    if (resident === undefined) {
      resident = new Resident(this.#world.enter(argv, netns));
      this.#residents.set(key, resident);
    }
    return resident;
  }

  async #outcome(argv: readonly string[], options: CommandOptions): Promise<Outcome> {
    const shell = this.#resident(["sh"], undefined);
    if (shell === undefined) return run(this.#world.enter(argv), options);
    const inside = "/run/work";
    return runBy(shell, { inside, outside: this.outside(inside) }, argv, options);
  }

  /** Runs a program that must succeed; the value is what it printed. */
  async run(...argv: string[]): Promise<string> {
    return succeed(await this.#outcome(argv, {}));
  }

  /** What several commands of one `ip -j` answer, options of `ip` first: `["-6"]`. */
  async ipBatch(
    netns: string | undefined,
    options: readonly string[],
    commands: readonly string[],
  ): Promise<unknown[]> {
    const argv = ["ip", ...options, "-j", "-d", "-batch", "-"];
    const lines = commands.join("\n");
    const resident = this.#resident(argv, netns);
    if (resident !== undefined) {
      return (await resident.ask(lines, commands.length)).map((line) => JSON.parse(line));
    }
    const outcome = await run(this.#world.enter(argv, netns), { stdin: `${lines}\n` });
    return succeed(outcome)
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
  }

  /** The lines of text files in a namespace, each after its file's name; what cannot be read is left out. */
  async grep(netns: string | undefined, ...paths: string[]): Promise<string[]> {
    const resident = this.#resident(["sh"], netns);
    const argv = ["grep", "-rs", ".", ...paths];
    if (resident === undefined) {
      const { stdout } = await run(this.#world.enter(argv, netns));
      return stdout.trim().split("\n");
    }
    const file = `/run/work/grep-${netns}`;
    await resident.ask(`${argv.join(" ")} >${file}; echo done`, 1);
    return readFileSync(this.outside(file), "utf8").trim().split("\n");
  }

  /** The same in a namespace of this world. */
  async runIn(netns: string, ...argv: string[]): Promise<string> {
    return succeed(await run(this.#world.enter(argv, netns)));
  }

  /** Runs `ip -j ...` in a namespace ("" for the host's). */
  async ip<T = Record<string, unknown>>(netns: string, ...argv: string[]): Promise<T[]> {
    const where = netns === "" ? [] : ["-n", netns];
    return JSON.parse((await this.run("ip", "-j", ...where, ...argv)) || "[]");
  }

  /** Makes network namespaces. */
  async addNetns(...names: string[]): Promise<void> {
    for (const name of names) this.write(`/run/netns/${name}`, "");
    const commands = names.map((name) => `unshare --net=/run/netns/${name} true`);
    await this.run("sh", "-ec", commands.join("\n"));
    this.#netns.push(...names);
  }

  /** Removes a namespace; its interfaces go a moment later. */
  async deleteNetns(name: string): Promise<void> {
    this.#leave();
    await this.run("umount", `/run/netns/${name}`);
    rmSync(this.outside(`/run/netns/${name}`));
    this.#netns.splice(this.#netns.indexOf(name), 1);
  }

  /** Starts a plugin. */
  startCni(verb: Verb, call: Call): Running {
    const { argv, options } = commandOf(verb, call);
    return this.start(argv, options);
  }

  /** Calls a plugin and waits for its end. */
  async cni(verb: Verb, call: Call): Promise<Reply> {
    const { argv, options } = commandOf(verb, call);
    return replyOf(await this.#outcome(argv, options));
  }

  /** Everything that a call could have left behind. */
  snapshot(options?: { sysctls?: boolean }): Promise<Snapshot> {
    return readSnapshot(this, this.#netns, options);
  }

  /** Runs the steps and proves that they left the world as it was. */
  async unchangedBy<T>(steps: () => Promise<T>): Promise<T> {
    const before = await this.snapshot();
    const value = await steps();
    assertSame(before, await this.snapshot());
    return value;
  }
}

/** Gives the test a world of its own, removed whatever happens. */
export async function withHost(test: (host: Host) => Promise<void>): Promise<void> {
  checkPreconditions();
  const world = await makeWorld();
  try {
    await test(new Host(world));
  } finally {
    await world.end();
  }
}

/** Proves that nothing has come or gone between two snapshots. */
export function assertSame(before: Snapshot, after: Snapshot): void {
  assert.equal(changes(before, after).join("\n"), "", "the world is not as it was");
}

/** The outcome of a plugin's call, with its JSON at hand. */
export function replyOf(outcome: Outcome): Reply {
  return {
    ...outcome,
    get json() {
      return JSON.parse(outcome.stdout);
    },
  };
}

/** The command that a call of a plugin is. */
function commandOf(verb: Verb, call: Call): { argv: string[]; options: CommandOptions } {
  const { plugin = "bridge", from = oursInWorld, config, wrap = [], deadlineMs } = call;
  const env: Record<string, string> = {};
  const variables = { ...variablesOf(verb, call), ...call.env };
  for (const [name, value] of Object.entries(variables)) {
    if (value !== undefined) env[name] = value;
  }
  const stdin = typeof config === "string" ? config : JSON.stringify(config);
  const options = { env, stdin, ...(deadlineMs === undefined ? {} : { deadlineMs }) };
  return { argv: [...wrap, `${from}/${plugin}`], options };
}

function variablesOf(verb: Verb, call: Call): Record<string, string | undefined> {
  const { netns = "c1", ifName = "eth0", args, path = oursInWorld } = call;
  const named = netns !== "" && !netns.includes("/");
  return {
    CNI_COMMAND: verb,
    CNI_CONTAINERID: call.containerId ?? (named ? `container-${netns}` : "container-c1"),
    CNI_NETNS: named ? `/run/netns/${netns}` : netns,
    CNI_IFNAME: ifName,
    CNI_ARGS: args,
    CNI_PATH: path,
  };
}

function succeed(outcome: Outcome): string {
  assert.equal(outcome.status, 0, describe(outcome));
  return outcome.stdout;
}
