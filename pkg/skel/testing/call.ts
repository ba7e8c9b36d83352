/** Calls a plugin in the test's own process: its answer as the runtime would read it. */

import { type CniError, toCniError } from "../../cni/error.ts";
import { perform, type Surroundings } from "../perform.ts";
import type { Plugin } from "../plugin.ts";

/** What a call printed and said. */
export interface Answer {
  readonly stdout: string;
  /** stdout parsed, if there is any and the call succeeded. */
  readonly result: unknown;
  /** The error object, as far as it says something. */
  readonly error: { code: number; msg: string; details?: string } | undefined;
  /** What was thrown, for a look at more than the error object tells. */
  readonly thrown: unknown;
  /** The lines on stderr. */
  readonly log: readonly string[];
}

const variables = {
  CNI_CONTAINERID: "c1",
  CNI_NETNS: "/nowhere",
  CNI_IFNAME: "eth0",
  CNI_PATH: "/opt/cni/bin",
};

/** Performs a verb with this configuration; `around` changes what surrounds the call, its `env` single variables. */
export function callPlugin(
  plugin: Plugin,
  verb: string,
  config: object | string,
  { env, ...around }: Partial<Surroundings> = {},
): Answer {
  let stdout = "";
  let thrown: unknown;
  const log: string[] = [];
  try {
    perform(plugin, {
      env: { ...variables, CNI_COMMAND: verb, ...env },
      readStdin: () => (typeof config === "string" ? config : JSON.stringify(config)),
      builtIn: [],
      cancelFd: () => -1,
      checkInterrupted() {},
      print: (text) => {
        stdout += text;
      },
      log: (line) => log.push(line),
      netnsChecked: false,
      ...around,
    });
  } catch (error) {
    thrown = error;
  }
  const error = thrown === undefined ? undefined : errorObject(toCniError(thrown));
  const result = error === undefined && stdout !== "" ? JSON.parse(stdout) : undefined;
  return { stdout, result, error, thrown, log };
}

function errorObject({ code, message: msg, details }: CniError): Answer["error"] {
  return { code, msg, ...(details && { details }) };
}
