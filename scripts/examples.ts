/** The examples in the documentation: code blocks of the Markdown pages, with their places. */

import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
/** Folders that hold no pages of ours. */
const passedOver: readonly string[] = ["node_modules", "dist", "engine", "bench", ".git"];

/** A code block. */
export interface Example {
  /** `plugins/bridge/README.md:12`, the block's first line. */
  readonly place: string;
  readonly page: string;
  /** What stands behind the opening fence: json, sh, ts. */
  readonly language: string;
  readonly text: string;
}

/** Every code block of the project's pages. */
export function readExamples(): Example[] {
  return listPages().flatMap((page) => {
    const text = readFileSync(join(root, page), "utf8");
    return Array.from(text.matchAll(/^```(\w*)\n(.*?)^```$/gms), (match) => ({
      place: `${page}:${text.slice(0, match.index).split("\n").length + 1}`,
      page,
      language: match[1] ?? "",
      text: match[2] ?? "",
    }));
  });
}

/** Pages whose blocks of JSON are not to be run, with what they are. */
export const otherwise: Readonly<Record<string, string>> = {
  "schema/README.md": "an editor's settings",
  "docs/authoring.md":
    "a plugin that is not of the suite: test/integration/authoring.test.ts runs it",
  "cnitool/README.md": "mistakes, for validate to find",
};

/** The examples in JSON, parsed. */
export function readJsonExamples(): { place: string; page: string; json: JsonExample }[] {
  return readExamples()
    .filter(({ language }) => language.startsWith("json"))
    .map(({ place, page, text }) => ({ place, page, json: JSON.parse(text) }));
}

/** What examples in JSON have in common. */
export type JsonExample = Readonly<Record<string, unknown>>;

function listPages(): string[] {
  return readdirSync(root, { withFileTypes: true })
    .filter(({ name }) => !passedOver.includes(name))
    .flatMap((entry) => {
      if (!entry.isDirectory()) return [entry.name];
      const names = readdirSync(join(root, entry.name), { recursive: true, encoding: "utf8" });
      return names.map((name) => `${entry.name}/${name}`);
    })
    .filter((name) => name.endsWith(".md") && !name.includes("/node_modules/"))
    .sort();
}
