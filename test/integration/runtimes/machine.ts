/** A machine of its own for a container runtime: namespaces for network, mounts and processes, gone after the test. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  accessSync,
  constants,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { type Line, readLines } from "../../../pkg/trace/line.ts";
import { type CommandOptions, describe, type Running, start } from "../harness/command.ts";
import { ours, reference } from "../harness/executables.ts";

/** The image that every machine has. */
export const image = "localhost/busybox:local";

const trace = "/run/trace";

/** What every test here needs. */
const common = ["crun", "busybox", "nft", "iptables-save", "nsenter"];

/** For node:test's `skip`: what is missing of the programs that a test needs, false if nothing is. */
export function without(...programs: readonly string[]): string | false {
  const missing = [...programs, ...common].filter((name) => !isInstalled(name));
  if (missing.length > 0) {
    return `${missing.join(", ")} not installed (scripts/install-runtimes.sh)`;
  }
  return (
    reference === undefined &&
    "the reference's executables are missing (scripts/install-reference.sh)"
  );
}

function isInstalled(program: string): boolean {
  return (process.env.PATH ?? "").split(":").some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export class Machine {
  readonly #pid: number;

  constructor(pid: number) {
    this.#pid = pid;
  }

  /** Where a file of this machine is to be found from outside. */
  outside(path: string): string {
    return join(`/proc/${this.#pid}/root`, path);
  }

  write(path: string, content: string | object): void {
    const text = typeof content === "string" ? content : JSON.stringify(content);
    mkdirSync(dirname(this.outside(path)), { recursive: true });
    writeFileSync(this.outside(path), text);
  }

  /** Starts a program on it. Plugins that it comes to run leave a trace. */
  start(argv: readonly string[], options: CommandOptions = {}): Running {
    const enter = ["nsenter", `--target=${this.#pid}`, "--mount", "--net", "--pid"];
    const env = { HOME: "/root", CNI_TRACE: trace, ...options.env };
    return start([...enter, ...argv], { deadlineMs: 60_000, ...options, env });
  }

  /** Runs a program that must succeed; the value is what it printed. */
  async run(...argv: string[]): Promise<string> {
    const outcome = await this.start(argv).outcome;
    assert.equal(outcome.status, 0, describe(outcome));
    return outcome.stdout;
  }

  /** What plugins of ours were called for, in order: `bridge ADD`. Those that failed say so. */
  calls(): string[] {
    const calls = this.#trace().filter(({ kind }) => kind === "verb");
    return calls.map(({ plugin, verb, failed }) => `${plugin} ${verb}${failed ? " failed" : ""}`);
  }

  #trace(): Line[] {
    return readLines(readFileSync(this.outside(trace), "utf8"));
  }

  /** Everything a container could have left: links, addresses of the store, rules. Bridges stay, as is usual. */
  async leftovers(): Promise<string[]> {
    const links: { ifname: string }[] = JSON.parse(await this.run("ip", "-j", "link"));
    const made = links.map(({ ifname }) => ifname).filter((name) => /^(veth|bwp)/.test(name));
    const rules = await this.run("sh", "-c", "nft list ruleset; iptables-save; ip6tables-save");
    // Rules of the whole network (10.1.0.0/16) may stay, those of one address may not.
    const owned = rules.split("\n").filter((line) => /\b10\.\d+\.0\.[1-9]\d*\b/.test(line));
    return [...made, ...this.#reservations(), ...owned.map((line) => line.trim())];
  }

  #reservations(): string[] {
    const root = this.outside("/var/lib/cni/networks");
    const names = readdirSync(root, { recursive: true, encoding: "utf8" });
    return names.filter((name) => /^[^.][^/]*\/[0-9a-f]*[.:][0-9a-f.:]*$/.test(name));
  }

  /** Whether somebody speaks HTTP at an address, as this machine sees it. */
  async answers(address: string, port: number): Promise<boolean> {
    const script = `exec 3<>/dev/tcp/${address}/${port} && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3`;
    const { stdout } = await this.start(["timeout", "2", "bash", "-c", script]).outcome;
    return stdout.startsWith("HTTP/1");
  }

  /** Waits until a check holds, ten seconds at most. */
  async until(what: string, check: () => Promise<boolean> | boolean): Promise<void> {
    for (const end = Date.now() + 10_000; Date.now() < end; ) {
      if (await check()) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.fail(`not within ten seconds: ${what}`);
  }
}

/** Gives the test a machine. Whatever runs on it ends with it. */
export async function withMachine(test: (machine: Machine) => Promise<void>): Promise<void> {
  const script = join(import.meta.dirname, "machine.sh");
  const namespaces = [
    "--mount",
    "--net",
    "--pid",
    "--fork",
    "--mount-proc",
    "--propagation=private",
  ];
  // The first process of a PID namespace takes all others with it.
  const holder = spawn(
    "unshare",
    [...namespaces, "--kill-child", "bash", script, ours, reference ?? ours],
    {
      stdio: ["pipe", "pipe", "pipe"],
    },
  );
  const ended = once(holder, "close");
  let stderr = "";
  holder.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const [ready] = await Promise.race([once(holder.stdout, "data"), ended]);
  if (String(ready) !== "ready\n") throw new Error(`cannot make a machine: ${stderr}`);
  try {
    await test(new Machine(childOf(holder.pid ?? -1)));
  } finally {
    holder.stdin.end();
    holder.kill("SIGKILL");
    await ended;
  }
}

function childOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim());
}
