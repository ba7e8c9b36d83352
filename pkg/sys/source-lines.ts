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

/** Lines of the bundle that follow each other in their source, too. */
interface Run {
  count: number;
  readonly origin: Origin | undefined;
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

/** The same the other way round. */
function writeSegment(numbers: readonly number[]): string {
  let segment = "";
  for (const number of numbers) {
    let rest = number < 0 ? (-number << 1) | 1 : number << 1;
    for (; rest > 31; rest >>>= 5) segment += digits[(rest & 31) | 32];
    segment += digits[rest];
  }
  return segment;
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

const nameOf = (source: string) => source.replace(/^(\.\.?\/)+/, "");

/** The source of each of a bundle's lines, from its source map; undefined for what esbuild added. */
export function readSources(sourceMapJson: string): (string | undefined)[] {
  const { sources, mappings }: SourceMap = JSON.parse(sourceMapJson);
  const names = sources.map(nameOf);
  return readOrigins(mappings).map((origin) => origin && names[origin.source]);
}

/**
 * The table for `mapStack`, from the source map of a bundle: the sources, one a line, an empty line, then runs
 * of count, step and source, written like a source map's segments. Within a run both lines advance together; the
 * step leads from the end of the run before to the start of this one. The source is given where it changes; a count
 * alone has no origin.
 */
export function encodeLines(sourceMapJson: string): string {
  const { sources, mappings }: SourceMap = JSON.parse(sourceMapJson);
  const runs: Run[] = [];
  for (const origin of readOrigins(mappings)) {
    const run = runs.at(-1);
    if (run !== undefined && continues(run, origin)) run.count++;
    else runs.push({ count: 1, origin });
  }
  const names = sources.map(nameOf);
  let line = 0;
  let source = -1;
  const table = runs.map(({ count, origin }) => {
    const numbers = [count];
    if (origin !== undefined) {
      numbers.push(origin.line - line);
      if (origin.source !== source) numbers.push(origin.source);
      line = origin.line + count;
      source = origin.source;
    }
    return writeSegment(numbers);
  });
  return `${names.join("\n")}\n\n${table.join()}`;
}

function continues(run: Run, next: Origin | undefined): boolean {
  if (run.origin === undefined || next === undefined) return run.origin === next;
  return next.source === run.origin.source && next.line === run.origin.line + run.count;
}

/** A stack trace with the bundle's lines replaced by those of the sources. Without a table, or outside it, unchanged. */
export function mapStack(stack: string, lines: string): string {
  const end = lines.indexOf("\n\n");
  if (end < 0) return stack;
  const sources = lines.slice(0, end).split("\n");
  const runs = readRuns(lines.slice(end + 2));
  return stack.replace(/[^\s()]+?\.js:(\d+)(:\d+)?/g, (place, line) => {
    let rest = Number(line) - 1;
    for (const { count, origin } of runs) {
      if (rest < count) {
        const name = sources[origin?.source ?? -1];
        return name && origin ? `${name}:${origin.line + rest + 1}` : place;
      }
      rest -= count;
    }
    return place;
  });
}

function readRuns(table: string): Run[] {
  let line = 0;
  let source = -1;
  return table.split(",").map((run) => {
    const [count = 0, step, changed] = readSegment(run);
    if (step === undefined) return { count, origin: undefined };
    source = changed ?? source;
    const origin = { source, line: line + step };
    line = origin.line + count;
    return { count, origin };
  });
}
