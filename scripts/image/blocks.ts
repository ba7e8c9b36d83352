/**
 * The blocks of a heap image by name, so that those which plugins touch lie side by side, in front (hot.txt). A block is
 * known by its module, by what it is or which functions made it, and by its place among all of which that is the same:
 * `pkg/ip/mac.ts code formatMac 0`. A change to one module moves the names of its own blocks only.
 */

/** A block, as the engine's --blocks tells of it. */
export interface Block {
  /** Counts allocations. */
  readonly number: number;
  readonly address: number;
  readonly size: number;
  readonly name: string;
}

/** Reads a table of the engine's, given the source of each of the script's lines; the first is line 1. */
export function readBlocks(table: string, sources: readonly (string | undefined)[]): Block[] {
  const seen = new Map<string, number>();
  const rows = table.split("\n").filter((row) => row !== "");
  return rows.map((row) => {
    const [number, address, size, line, kind, text] = row.split(" ");
    const module = sources[Number(line) - 1]?.replace(/.*\.entry\.ts$/, "entry");
    const stem = [module || "-", kind, text || "-"].join(" ");
    const count = seen.get(stem) ?? 0;
    seen.set(stem, count + 1);
    return {
      number: Number(number),
      address: Number(address),
      size: Number(size),
      name: `${stem} ${count}`,
    };
  });
}

/** The numbers of those blocks that are listed, in the list's order. */
export function listedOf(names: readonly string[], blocks: readonly Block[]): number[] {
  const numbers = new Map(blocks.map(({ name, number }) => [name, number]));
  return names.flatMap((name) => numbers.get(name) ?? []);
}

/** What goes to the front: what is listed, then all names' texts. */
export function frontOf(names: readonly string[], blocks: readonly Block[]): number[] {
  const listed = listedOf(names, blocks);
  // To look for a name leads past others that share its place in the language's table, wherever they lie.
  const texts = blocks.filter(({ name }) => name.startsWith("- name ")).map(({ number }) => number);
  return [...listed, ...texts];
}
