/** Command-line flags as Go's flag package reads them: -name value, --name=value, durations such as 1m30s. */

/** What a flag takes. */
export type FlagKind = "text" | "boolean" | "duration";

export type FlagValue = string | boolean | number;

/** The flags by name; a text says what is wrong, an empty one that help is wanted. Durations are milliseconds. */
export function readFlags(
  args: readonly string[],
  known: Readonly<Record<string, FlagKind>>,
): Record<string, FlagValue> | string {
  const found: Record<string, FlagValue> = {};
  for (let at = 0; at < args.length; at++) {
    const argument = args[at] ?? "";
    const [, name = "", given] = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(argument) ?? [];
    if (name === "") return `unexpected argument "${argument}"`;
    if (name === "h" || name === "help") return "";
    const kind = Object.hasOwn(known, name) ? known[name] : undefined;
    if (kind === undefined) return `flag provided but not defined: -${name}`;
    const isBare = given === undefined && kind !== "boolean";
    if (isBare && at + 1 >= args.length) return `flag needs an argument: -${name}`;
    const text = isBare ? (args[++at] ?? "") : (given ?? "true");
    const value = read(kind, text);
    if (value === undefined) return `invalid value "${text}" for flag -${name}`;
    found[name] = value;
  }
  return found;
}

function read(kind: FlagKind, text: string): FlagValue | undefined {
  if (kind === "text") return text;
  if (kind === "duration") return parseDuration(text);
  if (["1", "t", "T", "true", "TRUE", "True"].includes(text)) return true;
  return ["0", "f", "F", "false", "FALSE", "False"].includes(text) ? false : undefined;
}

const units: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Milliseconds of Go's notation; undefined for anything else, and for what is negative. */
export function parseDuration(text: string): number | undefined {
  if (text === "0") return 0;
  if (!/^(\d+\.?\d*(ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, number, unit = ""] of text.matchAll(/(\d+\.?\d*)(ns|us|µs|ms|s|m|h)/g)) {
    total += Number(number) * (units[unit] ?? 0);
  }
  return total;
}
