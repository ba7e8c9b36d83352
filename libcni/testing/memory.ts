/** A machine made of memory: files by path, plugins as functions, a clock that only sleeping moves. */

import { Errno, SysError } from "../../pkg/sys/errno.ts";
import { decodeBase64 } from "../base64.ts";
import { Libcni, type LibcniOptions } from "../libcni.ts";
import type { ExecOutcome, ExecRequest, Machine } from "../machine.ts";

/** What a plugin answers; a text is its stdout. */
export type Answer = string | Partial<ExecOutcome>;
export type FakePlugin = (call: { env: Record<string, string>; stdin: Json }) => Answer;
// biome-ignore lint/suspicious/noExplicitAny: tests look into JSON freely
export type Json = any;

/** One call as the machine saw it. */
export interface Seen {
  type: string;
  command: string;
  stdin: Json;
  text: string;
  env: Record<string, string>;
}

export class Memory {
  readonly files: Record<string, string> = {};
  readonly plugins: Record<string, FakePlugin> = {};
  readonly seen: Seen[] = [];
  readonly stderr: string[] = [];
  readonly written: string[] = [];
  now = 1000;

  /** A library on this machine. */
  libcni(options: Partial<LibcniOptions> = {}): Libcni {
    return new Libcni({ pluginDirs: ["/bin"], cacheDir: "/cache", ...options }, this.machine);
  }

  /** The verbs and types of the calls so far: "ADD bridge". */
  get calls(): string[] {
    return this.seen.map(({ command, type }) => `${command} ${type}`);
  }

  /** The only file of the cache, parsed, its config as text. */
  cached(name: string): Json {
    const envelope = JSON.parse(this.files[`/cache/results/${name}`] ?? "null");
    if (envelope?.config !== undefined) {
      envelope.config = ascii(decodeBase64(envelope.config) ?? new Uint8Array());
    }
    return envelope;
  }

  readonly machine: Machine = {
    exec: async (request) => this.#exec(request),
    environment: () => ({ HOME: "/root", CNI_IFNAME: "inherited" }),
    encode: (text) => Uint8Array.from(text, (character) => character.charCodeAt(0)),
    decode: ascii,
    monotonicMs: () => this.now,
    realtimeMs: () => this.now,
    sleep: async (ms) => {
      this.now += ms;
    },
    writeStderr: (text) => void this.stderr.push(text),
    readText: async (path) => {
      const text = this.files[path];
      if (text === undefined) throw new SysError("open", Errno.ENOENT, path);
      return text;
    },
    listFiles: async (directory) => {
      const inside = Object.keys(this.files)
        .filter((path) => path.startsWith(`${directory}/`))
        .map((path) => path.slice(directory.length + 1));
      if (inside.length === 0) throw new SysError("open", Errno.ENOENT, directory);
      return inside.filter((name) => !name.includes("/")).reverse();
    },
    stat: async (path) => {
      const isThere = path in this.files || path.replace("/bin/", "") in this.plugins;
      return isThere ? { isFile: true, identity: path, modifiedMs: 0 } : undefined;
    },
    replaceFile: async (directory, name, text) => {
      this.files[`${directory}/${name}`] = text;
      this.written.push(name);
    },
    removeFile: async (path) => {
      delete this.files[path];
    },
    waitFor: (promise) => promise,
    lock: async () => ({ waited: false, release: () => {} }),
  };

  #exec({ path, env, stdin }: ExecRequest): ExecOutcome {
    const type = path.replace("/bin/", "");
    const call = { env: { ...env }, stdin: JSON.parse(stdin) };
    this.seen.push({ type, command: env.CNI_COMMAND ?? "", text: stdin, ...call });
    const answer = this.plugins[type]?.(call) ?? "";
    const ended = { error: 0, status: 0, signal: 0, timedOut: false, cancelled: false };
    const output = typeof answer === "string" ? { stdout: answer } : answer;
    return { ...ended, stdout: "", stderr: "", ...output };
  }
}

function ascii(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}
