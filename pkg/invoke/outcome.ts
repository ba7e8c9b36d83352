/** What the end of a plugin's process means (CNI spec 1.1.0, section 5). */

import { CniError } from "../cni/error.ts";
import { decodeJson } from "../cni/json.ts";
import { goQuote } from "../cni/quote.ts";

export interface PluginOutput {
  readonly stdout: string;
  readonly stderr: string;
}

/** How long a busy executable ("text file busy": it is being replaced) is tried again. */
export const busyAttempts = 6;
export const busyPauseMs = 1000;

/** How a process ended, as Go words it. */
export function exitText({ status, signal }: { status: number; signal: number }): string {
  return signal === 0 ? `exit status ${status}` : `signal: ${signalNames[signal] ?? signal}`;
}

/** Signals as the Go runtime words them in "signal: killed"; the ones that end a process by default. */
const signalNames: Readonly<Record<number, string>> = {
  1: "hangup",
  2: "interrupt",
  3: "quit",
  4: "illegal instruction",
  6: "aborted",
  7: "bus error",
  8: "floating point exception",
  9: "killed",
  11: "segmentation fault",
  13: "broken pipe",
  14: "alarm clock",
  15: "terminated",
  31: "bad system call",
};

/** The plugin's own error object where it printed one, else an error that tells how it ended, in the reference's words. */
export function pluginError({ stdout, stderr }: PluginOutput, exit: string): Error {
  if (stdout === "") {
    return new Error(
      stderr === ""
        ? `netplugin failed with no error message: ${exit}`
        : `netplugin failed: ${goQuote(stderr)}: ${exit}`,
    );
  }
  let body: unknown;
  try {
    body = decodeJson(stdout);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return new Error(
      `netplugin failed but error parsing its diagnostic message ${goQuote(stdout)}: ${reason}`,
    );
  }
  if (body === null || (typeof body === "object" && !Array.isArray(body))) return readError(body);
  return new Error(
    `netplugin failed but error parsing its diagnostic message ${goQuote(stdout)}: json: cannot unmarshal ${goKind(body)} into Go value of type types.Error`,
  );
}

/** What the reference calls the kind of a JSON value that is no object. */
function goKind(value: unknown): string {
  if (Array.isArray(value)) return "array";
  return typeof value === "boolean" ? "bool" : typeof value;
}

/** The error object a plugin printed; what is missing in it counts as zero or empty. */
export function readError(body: unknown): CniError {
  const { code, msg, details } = (typeof body === "object" && body !== null ? body : {}) as Record<
    string,
    unknown
  >;
  return new CniError(
    typeof code === "number" ? code : 0,
    typeof msg === "string" ? msg : "",
    typeof details === "string" && details !== "" ? details : undefined,
  );
}
