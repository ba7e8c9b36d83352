/**
 * Lists of blocks' names, kept in files (hot.txt). A line without indentation is a module; an indented one has a kind and
 * what there is of it: `formatMac` is number 0 of that name, `0-2,5:formatMac` are four of it. The kind "all" stands for
 * the code, the function and the variables of each name.
 */

const together = ["code", "function", "variables"] as const;

/** Lines of a file are about as long. */
const width = 118;

/** The part of a list before the section of that title; throws where there is none. */
export function headOf(list: string, title: string): string {
  const [head = "", rest] = list.split(`\n# ${title}\n`);
  if (rest === undefined) throw new Error(`no section "${title}" in the list: npm run hot`);
  return head;
}

/** The names in a list, in its order. */
export function readNames(list: string): string[] {
  const names: string[] = [];
  let module = "";
  for (const line of list.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    if (!line.startsWith(" ")) {
      module = line;
      continue;
    }
    const [kind = "", ...entries] = line.trim().split(" ");
    const kinds = kind === "all" ? together : [kind];
    for (const [text, count] of entries.flatMap(readEntry)) {
      names.push(...kinds.map((it) => `${module} ${it} ${text} ${count}`));
    }
  }
  return names;
}

function readEntry(entry: string): [text: string, count: number][] {
  const [, ranges = "0", text = entry] = /^([\d,-]+):(.*)$/.exec(entry) ?? [];
  return ranges.split(",").flatMap((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    const counts = Array.from({ length: last - first + 1 }, (_, step) => first + step);
    return counts.map((count): [string, number] => [text, count]);
  });
}

/** The list of these names. Those of a module come together, and in it those of a kind, each where its first one is. */
export function writeNames(names: readonly string[]): string {
  const modules = new Map<string, Map<string, [text: string, count: number][]>>();
  const all = new Set(names);
  for (const name of names) {
    const [module = "", ownKind = "", text = "", count] = name.split(" ");
    const isWhole = together.every((kind) => all.has(`${module} ${kind} ${text} ${count}`));
    const isPart = (together as readonly string[]).includes(ownKind);
    if (isWhole && isPart && ownKind !== together[0]) continue;
    const kind = isWhole && isPart ? "all" : ownKind;
    const kinds = modules.get(module) ?? new Map<string, [string, number][]>();
    modules.set(module, kinds);
    kinds.set(kind, [...(kinds.get(kind) ?? []), [text, Number(count)]]);
  }
  const lines = [...modules].flatMap(([module, kinds]) => [
    module,
    ...[...kinds].flatMap(([kind, entries]) => wrapped(` ${kind}`, entriesOf(entries))),
  ]);
  return `${lines.join("\n")}\n`;
}

/** Neighbours of one text share an entry. */
function entriesOf(list: readonly [text: string, count: number][]): string[] {
  const entries: { text: string; ranges: [first: number, last: number][] }[] = [];
  for (const [text, count] of list) {
    const entry = entries.at(-1);
    const range = entry?.ranges.at(-1);
    if (entry === undefined || range === undefined || entry.text !== text) {
      entries.push({ text, ranges: [[count, count]] });
    } else if (range[1] === count - 1) range[1] = count;
    else entry.ranges.push([count, count]);
  }
  return entries.map(({ text, ranges }) => {
    const counts = ranges.map(([first, last]) => (first === last ? first : `${first}-${last}`));
    const isPlain = counts.join() === "0" && !/^[\d,-]+:/.test(text);
    return isPlain ? text : `${counts}:${text}`;
  });
}

function wrapped(start: string, words: readonly string[]): string[] {
  const lines: string[] = [];
  let line = start;
  for (const word of words) {
    if (line !== start && line.length + word.length >= width) {
      lines.push(line);
      line = start;
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}
