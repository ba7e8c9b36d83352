/** CNI_ARGS, the runtime's `K=V;K=V`. */

import { CniError, ErrorCode } from "./error.ts";
import { goQuote, goQuoteList } from "./quote.ts";

/** The key that makes a plugin tolerate keys it does not know. */
const IGNORE_UNKNOWN = "IgnoreUnknown";

/** Reads the keys a plugin knows, refusing others unless the text says IgnoreUnknown. */
export function parseCniArgs(text: string, known: readonly string[]): Record<string, string> {
  const args: Record<string, string> = {};
  if (text === "") return args;
  const unknown: string[] = [];
  let ignoreUnknown = false;
  for (const pair of text.split(";")) {
    const [key = "", value, ...rest] = pair.split("=");
    if (value === undefined || rest.length > 0) throw refused(`invalid pair ${goQuote(pair)}`);
    if (key === IGNORE_UNKNOWN) ignoreUnknown = parseBoolean(value, pair);
    else if (known.includes(key)) args[key] = value;
    else unknown.push(pair);
  }
  if (unknown.length > 0 && !ignoreUnknown) throw refused(`unknown args ${goQuoteList(unknown)}`);
  return args;
}

/** One key's value in a text that has passed `parseCniArgs`; empty where it is not there. The plugin need not know it. */
export function findCniArg(text: string, key: string): string {
  const found = text.split(";").findLast((pair) => pair.startsWith(`${key}=`));
  return found?.slice(key.length + 1) ?? "";
}

/** The failure of a pair whose value the plugin cannot read, in the reference's words. */
export function badArgument(pair: string, reason: string): CniError {
  return refused(`error parsing value of pair ${goQuote(pair)}: ${reason}`);
}

function parseBoolean(text: string, pair: string): boolean {
  const value = text.toLowerCase();
  if (value === "1" || value === "true") return true;
  if (value === "0" || value === "false") return false;
  throw badArgument(pair, `boolean unmarshal error: invalid input ${value}`);
}

function refused(reason: string): CniError {
  return new CniError(ErrorCode.invalidEnvironment, `ARGS: ${reason}`);
}
