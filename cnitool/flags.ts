/** Reads a command line: flags anywhere, as `--name value`, `--name=value` or `-n value`; `--` ends them. */

export interface Flag {
  readonly name: string;
  /** One letter. */
  readonly short?: string;
  /** What its value is called in the help; a flag without one takes none. */
  readonly value?: string;
  readonly help: string;
}

export interface CommandLine {
  readonly args: readonly string[];
  /** What follows `--`. */
  readonly rest: readonly string[];
  /** Every value given, by the flag's name; an empty text for flags that take none. */
  readonly flags: ReadonlyMap<string, readonly string[]>;
}

/** A command line that cannot be understood: the message is for whoever typed it. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export function parseFlags(argv: readonly string[], known: readonly Flag[]): CommandLine {
  const args: string[] = [];
  const flags = new Map<string, string[]>();
  const words = [...argv];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === "--") return { args, rest: words, flags };
    if (!word.startsWith("-") || word === "-") {
      args.push(word);
      continue;
    }
    const { flag, given, spelled } = recognise(word, known);
    const values = flags.get(flag.name) ?? [];
    flags.set(flag.name, [...values, takeValue(flag, { given, spelled, words })]);
  }
  return { args, rest: [], flags };
}

interface Recognised {
  readonly flag: Flag;
  /** How it was typed, for messages. */
  readonly spelled: string;
  /** The value in the same word, if there is one. */
  readonly given: string | undefined;
}

function recognise(word: string, known: readonly Flag[]): Recognised {
  if (!word.startsWith("--")) {
    const letter = word[1] ?? "";
    const flag = known.find(({ short }) => short === letter);
    if (flag === undefined) throw new UsageError(`unknown shorthand flag: '${letter}' in ${word}`);
    return { flag, given: word.slice(2).replace(/^=/, "") || undefined, spelled: `-${letter}` };
  }
  const equals = word.indexOf("=");
  const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
  const flag = known.find((candidate) => candidate.name === name);
  if (flag === undefined) throw new UsageError(`unknown flag: --${name}`);
  return { flag, given: equals < 0 ? undefined : word.slice(equals + 1), spelled: `--${name}` };
}

function takeValue(
  flag: Flag,
  { given, spelled, words }: { given: string | undefined; spelled: string; words: string[] },
): string {
  if (flag.value === undefined) {
    if (given !== undefined) throw new UsageError(`flag takes no value: ${spelled}`);
    return "";
  }
  const value = given ?? words.shift();
  if (value === undefined) throw new UsageError(`flag needs an argument: ${spelled}`);
  return value;
}
