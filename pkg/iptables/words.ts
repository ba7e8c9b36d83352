/** Rules as words, which is what `iptables-save` prints and `iptables-restore` reads: quoted where they must be. */

/** A rule, or one step of a script, as an argument vector. */
export type Words = readonly string[];

const plain = /^[\w./:,+=%@!-]+$/;
/** A line break would begin a rule of its own; what else lies below the space has no business in one either. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const control = /[\x00-\x1f\x7f]/;
const needsEscape = /["\\]/g;
/** What `iptables-restore` takes for one line is 10,240 bytes; the rest would be read as another. */
const longestLine = 10_000;
/** MAX_ARGC of `iptables-restore`, less what it puts in itself */
const mostWords = 240;

/** The words as a line of a script. Throws where one of them could become anything but a word. */
export function printWords(words: Words): string {
  const line = words.map(printWord).join(" ");
  // A character takes three bytes at most, or four for two.
  if (line.length * 3 > longestLine || words.length > mostWords) {
    throw new Error(`a rule of ${words.length} words and ${line.length} characters is too long`);
  }
  return line;
}

function printWord(word: string): string {
  if (plain.test(word)) return word;
  if (control.test(word)) {
    throw new Error(`a rule cannot hold a control character: ${JSON.stringify(word)}`);
  }
  return `"${word.replace(needsEscape, "\\$&")}"`;
}

/** The words of a line that was printed. */
export function readWords(line: string): string[] {
  if (!line.includes('"')) return line.split(" ").filter((word) => word !== "");
  const words: string[] = [];
  let word: string | undefined;
  let quoted = false;
  for (let at = 0; at < line.length; at++) {
    const character = line[at] ?? "";
    if (character === '"') {
      quoted = !quoted;
      word ??= "";
    } else if (character === " " && !quoted) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? "") + (character === "\\" && quoted ? (line[++at] ?? "") : character);
    }
  }
  if (word !== undefined) words.push(word);
  return words;
}

export function sameWords(a: Words, b: Words): boolean {
  return a.length === b.length && a.every((word, index) => word === b[index]);
}
