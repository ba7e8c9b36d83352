/** From a bundle's lines back to those of its TypeScript: a small table made at build time, read when an error is printed. */

/** What is used of a source map, version 3. */
interface SourceMap {
  readonly sources: readonly string[];
  readonly mappings: string;
}

/** Where one line of the bundle came from; line counts from 0. */
interface Origin {
  readonly source: number;
  readonly line: number;
}

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** One segment of a source map: numbers of five bits a character, least significant first, the sign lowest. */
function readSegment(segment: string): number[] {
  const numbers: number[] = [];
  let value = 0;
  let shift = 0;
  for (const character of segment) {
    const digit = digits.indexOf(character);
    value += (digit & 31) << shift;
    shift += 5;
    if (digit < 32) {
      numbers.push(value & 1 ? -(value >>> 1) : value >>> 1);
      value = 0;
      shift = 0;
    }
  }
  return numbers;
}

/** The origin of each of the bundle's lines: that of the first thing on it. */
function readOrigins(mappings: string): (Origin | undefined)[] {
  let source = 0;
  let line = 0;
  return mappings.split(";").map((segments) => {
    let first: Origin | undefined;
    for (const segment of segments.split(",")) {
      const [, sourceStep, lineStep] = readSegment(segment);
      if (sourceStep === undefined || lineStep === undefined) continue;
      source += sourceStep;
      line += lineStep;
      first ??= { source, line };
    }
    return first;
  });
}

/**
 * The table for `mapStack`, from the source map of a bundle: the sources, one a line, an empty line, then runs
 * "count,line,source" in base 36. Within a run both lines advance together; a bare count has no origin.
 */
export function encodeLines(sourceMapJson: string): string {
  const { sources, mappings }: SourceMap = JSON.parse(sourceMapJson);
  const runs: { count: number; origin: Origin | undefined }[] = [];
  for (const origin of readOrigins(mappings)) {
    const run = runs.at(-1);
    if (run !== undefined && continues(run, origin)) run.count++;
    else runs.push({ count: 1, origin });
  }
  const names = sources.map((source) => source.replace(/^(\.\.?\/)+/, ""));
  const table = runs.map(({ count, origin }) =>
    [count, ...(origin === undefined ? [] : [origin.line, origin.source])]
      .map((number) => number.toString(36))
      .join(),
  );
  return `${names.join("\n")}\n\n${table.join(" ")}`;
}

function continues(run: { count: number; origin: Origin | undefined }, next: Origin | undefined) {
  if (run.origin === undefined || next === undefined) return run.origin === next;
  return next.source === run.origin.source && next.line === run.origin.line + run.count;
}

/** A stack trace with the bundle's lines replaced by those of the sources. Without a table, or outside it, unchanged. */
export function mapStack(stack: string, lines: string): string {
  const end = lines.indexOf("\n\n");
  if (end < 0) return stack;
  const sources = lines.slice(0, end).split("\n");
  const runs = lines
    .slice(end + 2)
    .split(" ")
    .map((run) => run.split(",").map((number) => Number.parseInt(number, 36)));
  return stack.replace(/[^\s()]+?\.js:(\d+)(:\d+)?/g, (place, line) => {
    let rest = Number(line) - 1;
    for (const [count = 0, start, source = -1] of runs) {
      if (rest < count) {
        const name = sources[source];
        return name === undefined || start === undefined ? place : `${name}:${start + rest + 1}`;
      }
      rest -= count;
    }
    return place;
  });
}
