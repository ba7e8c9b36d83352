/** Which kernel parameters the host's operator leaves to those who write networks. */

import { goQuote } from "../../pkg/cni/quote.ts";
import { refuse } from "../../pkg/skel/refuse.ts";
import { Errno, isSysError } from "../../pkg/sys/errno.ts";
import { findText, readText } from "../../pkg/sys/file.ts";

/** Where the reference suite has it. */
const usualPath = "/etc/cni/tuning/allowlist.conf";

/** More than any list needs. */
const limit = 1 << 20;

/**
 * Throws code 7 where a list does not have one of the keys. The one that the configuration names counts besides the
 * usual one: whoever writes networks cannot choose a more generous list than the operator's.
 */
export function checkAllowed(keys: readonly string[], configured: string): void {
  if (keys.length === 0) return;
  const usual = readUsual();
  if (usual !== undefined) checkAgainst(usualPath, usual, keys);
  if (configured !== "") checkAgainst(configured, readText(configured, { limit }), keys);
}

/** Undefined where there is none. Whoever may not look there has no host to protect: that is a rootless runtime. */
function readUsual(): string | undefined {
  try {
    return findText(usualPath, { limit });
  } catch (error) {
    if (isSysError(error, Errno.ENOTDIR, Errno.EACCES)) return undefined;
    throw error;
  }
}

/** The same for a list at hand. */
export function checkAgainst(path: string, list: string, keys: readonly string[]): void {
  const lines = list
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const patterns = lines.map((line) => toPattern(path, line));
  const refused = keys.find((key) => !patterns.some((pattern) => pattern.test(key)));
  if (refused === undefined) return;
  const allowed = `Only the following sysctls are allowed: [${lines.join(" ")}]`;
  refuse(`Sysctl ${refused} is not allowed. ${allowed} (${path})`);
}

/**
 * A line is an expression as Go has it. What JavaScript's mean otherwise is an error under the flag "u" and must not
 * quietly match something else; what is the same but for its spelling is respelled.
 */
function toPattern(path: string, line: string): RegExp {
  const isCaseless = line.startsWith("(?i)");
  const source = (isCaseless ? line.slice(4) : line)
    .replace(/\\([\s\S])/g, (found, next) => (/["#%&',:;<=>@`~!-]/.test(next) ? hex(next) : found))
    .replaceAll("(?P<", "(?<");
  try {
    return new RegExp(source, isCaseless ? "iu" : "u");
  } catch {
    return refuse(`cannot use the line ${goQuote(line)} of ${path}: no regular expression`);
  }
}

function hex(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
}
