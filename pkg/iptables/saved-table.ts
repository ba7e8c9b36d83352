/** A table as `iptables-save` prints it. */

import { type Table, type TableName, UnreadableTableError } from "./table.ts";
import { readWords, type Words } from "./words.ts";

/** What does not stand in a line as it is. */
const isQuotable = /["\\]/;

/** A table from its text. Rules are read one chain at a time: a busy host has thousands of others. */
export class SavedTable implements Table {
  readonly #name: TableName;
  readonly #lines = new Map<string, string[]>();
  readonly #read = new Map<string, readonly Words[]>();
  #isWhole = false;

  /** Throws UnreadableTableError for the answer that there is no answer. */
  constructor(name: TableName, saved: string) {
    this.#name = name;
    for (const line of saved.split("\n")) this.#take(line);
    // An empty table has this line too.
    if (!this.#isWhole) throw new Error(`table "${name}" was not read to its end`);
  }

  #take(line: string): void {
    if (line.startsWith(":")) {
      this.#lines.set(line.slice(1, line.indexOf(" ")), []);
    } else if (line.startsWith("-A ")) {
      const end = line.indexOf(" ", 3);
      this.#lines.get(line.slice(3, end))?.push(line.slice(end + 1));
    } else if (line === "COMMIT") {
      this.#isWhole = true;
    } else if (line.startsWith("#") && line.includes("is incompatible")) {
      throw new UnreadableTableError(
        `table "${this.#name}" holds rules that iptables cannot read, made by nft`,
      );
    }
  }

  hasChain(chain: string): boolean {
    return this.#lines.has(chain);
  }

  rules(chain: string): readonly Words[] {
    let rules = this.#read.get(chain);
    if (rules === undefined) {
      rules = (this.#lines.get(chain) ?? []).map(readWords);
      this.#read.set(chain, rules);
    }
    return rules;
  }

  count(chain: string): number {
    return this.#lines.get(chain)?.length ?? 0;
  }

  rulesAbout(chain: string, text: string): readonly Words[] {
    if (isQuotable.test(text)) return this.rules(chain);
    return (this.#lines.get(chain) ?? []).filter((line) => line.includes(text)).map(readWords);
  }
}
