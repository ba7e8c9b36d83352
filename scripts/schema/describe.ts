/**
 * Descriptions of configuration keys, read from the tables in the READMEs: what people read there and what an
 * editor shows is one text. A table counts if its first heading begins with "key"; the code spans in that
 * heading say which objects the keys are in: | key in `ipam.ranges` | meaning |.
 */

/** Key path without list steps (`ipam.ranges.subnet`) to what it means. */
export type Descriptions = ReadonlyMap<string, string>;

/** Columns that the schema says by itself. */
const ownWords = ["type"];

/** What introduces a default, at the end of a description. */
const defaultWords = "default: ";

/** The descriptions in all tables of a text whose first heading begins with `heading`. */
export function readDescriptions(markdown: string, heading = "key"): Descriptions {
  const found = new Map<string, string>();
  let columns: string[] | undefined;
  for (const line of markdown.split("\n")) {
    if (!line.startsWith("|")) columns = undefined;
    else if (columns === undefined) columns = cellsOf(line);
    else if (columns[0]?.startsWith(heading) && !/^\|[\s|:-]*$/.test(line)) {
      for (const [path, text] of describe(columns, cellsOf(line))) found.set(path, text);
    }
  }
  return found;
}

/** A README's first paragraph: what the plugin is for. */
export function readPurpose(markdown: string): string {
  const [, paragraph = ""] = /^# .*\n+((?:.+\n)+)/m.exec(markdown) ?? [];
  return plain(paragraph.replace(/\s+/g, " "));
}

function describe(columns: readonly string[], cells: readonly string[]): [string, string][] {
  const prefixes = spansOf(columns[0] ?? "").map((object) => `${object}.`);
  const words = columns.map((column, place) => wordsOf(column, cells[place] ?? ""));
  const last = (text: string) => Number(text.startsWith(defaultWords));
  const text = words
    .filter((part) => part !== "")
    .sort((a, b) => last(a) - last(b))
    .join("; ");
  return spansOf(cells[0] ?? "").flatMap((key) =>
    (prefixes.length > 0 ? prefixes : [""]).map((prefix): [string, string] => [
      `${prefix}${key}`,
      text,
    ]),
  );
}

function wordsOf(column: string, cell: string): string {
  if (column.startsWith("key") || column.startsWith("list key")) return "";
  if (ownWords.includes(column) || cell === "") return "";
  return column === "default" ? `${defaultWords}${plain(cell)}` : plain(cell);
}

function cellsOf(line: string): string[] {
  const inner = line.trim().replace(/^\||\|$/g, "");
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

function spansOf(text: string): string[] {
  return Array.from(text.matchAll(/`([^`]+)`/g), ([, span = ""]) => span);
}

/** Editors show text as it is: without the marks, and links by their words. */
function plain(text: string): string {
  return text
    .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replaceAll("`", "")
    .trim();
}
