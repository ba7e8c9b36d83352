/** What a command of cnitool is, and what it is given. */

import type { Interruption } from "../libcni/engine.ts";
import type { Libcni } from "../libcni/libcni.ts";
import type { Machine } from "../libcni/machine.ts";
import type { CommandLine, Flag } from "./flags.ts";

export interface Command {
  readonly name: string;
  /** The arguments, as the help shows them. */
  readonly usage: string;
  /** One line. */
  readonly summary: string;
  /** What the help says beyond the summary. */
  readonly details?: string;
  readonly leastArgs: number;
  readonly flags: readonly Flag[];
  /** The value is the exit status. Throws for failures. */
  run(line: CommandLine, session: Session): Promise<number>;
}

/** A JSON Schema, as far as it is looked at. */
export type Schema = Readonly<Record<string, unknown>>;

/** Where a command reads and writes. */
export interface Session {
  readonly env: Readonly<Record<string, string>>;
  readonly machine: Machine;
  readonly cni: Libcni;
  /** JSON Schemas by file name, as the build made them. */
  readonly schemas: Readonly<Record<string, Schema>>;
  /** Whether stdout is read by a person. */
  readonly isTerminal: boolean;
  /** The working directory. */
  readonly workingDirectory: string;
  print(text: string): void;
  /** The signals that end what runs. */
  readonly interruption: Interruption;
  /** Whether a signal has come, and was taken. */
  wasInterrupted(): boolean;
}

/** Flags that every command takes. */
export const commonFlags: readonly Flag[] = [
  {
    name: "ifname",
    short: "i",
    value: "NAME",
    help: "the interface's name in the container; default: CNI_IFNAME, else eth0",
  },
  { name: "help", short: "h", help: "shows this text" },
];

/** For commands that run plugins. */
export const timeoutFlag: Flag = {
  name: "timeout",
  value: "SECONDS",
  help: "ends plugins that take longer in total; default: none",
};

/** For commands that print tables. */
export const jsonFlag: Flag = { name: "json", help: "prints JSON, for programs" };

/** The last value of a flag. */
export function flagValue(line: CommandLine, name: string): string | undefined {
  return line.flags.get(name)?.at(-1);
}
