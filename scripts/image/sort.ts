/** Puts the names of touched blocks in one order that serves all plugins. */

/** What one call was seen to do with its image's blocks, by their names. */
export interface Sighting {
  readonly isAdd: boolean;
  /** All blocks of the image. */
  readonly present: readonly string[];
  /** In the order of the first touch. */
  readonly touched: readonly string[];
  readonly written: ReadonlySet<string>;
}

/** How a block fares among the calls of plugins that have it. */
interface Tally {
  present: number;
  touched: number;
  written: number;
  /** Sum of where it came in each call, from 0 for the first block to 1 for the last. */
  place: number;
}

/** Names that have something in common, in the order of the first touch. */
export interface Section {
  readonly title: string;
  readonly names: readonly string[];
}

const titles = [
  "written to",
  "touched by every ADD, and in most images",
  "in some images, touched by every ADD that has them",
  "by at least half of those",
  "by fewer",
  "by other verbs only",
] as const;
const [written, common, particular, often, seldom, notByAdd] = [0, 1, 2, 3, 4, 5] as const;
/** From here on a list names what most runs do not touch. */
export const seldomTitle = titles[seldom];

/**
 * The names of all blocks touched. First come those that are written to, as a page of them is copied: few pages, then.
 * Then what every ADD of a plugin that has it touches, and so on: what an ADD does not touch is not to lie in between.
 * What most plugins have stands before what some have, for the file that has it all.
 */
export function sortNames(sightings: readonly Sighting[]): Section[] {
  const all = sightings.filter(({ isAdd }) => isAdd);
  const adds = tally(all);
  const others = tally(sightings.filter(({ isAdd }) => !isAdd));
  const sections = titles.map((title) => ({
    title,
    ranked: [] as [name: string, place: number][],
  }));
  for (const name of new Set([...adds.keys(), ...others.keys()])) {
    const section = sectionOf(adds.get(name), all.length);
    const { place, touched } = (section === notByAdd ? others : adds).get(name) ?? untouched();
    if (touched > 0) sections[section]?.ranked.push([name, place / touched]);
  }
  return sections.map(({ title, ranked }) => {
    ranked.sort(([, one], [, other]) => one - other);
    return { title, names: ranked.map(([name]) => name) };
  });
}

function tally(sightings: readonly Sighting[]): Map<string, Tally> {
  const tallies = new Map<string, Tally>();
  for (const { present, touched, written } of sightings) {
    for (const name of present) {
      const entry = tallies.get(name) ?? untouched();
      entry.present++;
      tallies.set(name, entry);
    }
    for (const [index, name] of touched.entries()) {
      const entry = tallies.get(name) as Tally;
      entry.touched++;
      entry.place += index / touched.length;
      if (written.has(name)) entry.written++;
    }
  }
  return tallies;
}

function untouched(): Tally {
  return { present: 0, touched: 0, written: 0, place: 0 };
}

function sectionOf(tally: Tally | undefined, adds: number): number {
  if (tally === undefined || tally.touched === 0) return notByAdd;
  if (tally.written * 2 > tally.touched) return written;
  const share = tally.touched / tally.present;
  if (share === 1) return tally.present * 2 > adds ? common : particular;
  return share >= 0.5 ? often : seldom;
}
