/** What is rewritten for a build, and what is not. */

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { build } from "esbuild";
import { withPlainFields } from "./plain-fields.ts";
import { withPlainPatterns } from "./plain-patterns.ts";
import { plainSource } from "./plain-source.ts";

test("only the suite's own folders are changed", async () => {
  const root = mkdtempSync(join(tmpdir(), "plain-source-"));
  const own = "class Own { #a = 1; get() { const { b } = this.#a; return b; } }";
  const authors = "@frozen class Author { #a = 1; get() { const { b } = this.#a; return b; } }";
  for (const [folder, text] of Object.entries({ pkg: own, mine: authors })) {
    mkdirSync(join(root, folder));
    writeFileSync(
      join(root, folder, "it.ts"),
      `const frozen = (of: unknown) => of;\nexport ${text}`,
    );
  }
  const { outputFiles } = await build({
    stdin: {
      contents: `export * from "./pkg/it.ts"; export * from "./mine/it.ts";`,
      resolveDir: root,
    },
    bundle: true,
    write: false,
    format: "esm",
    target: "es2023",
    plugins: [plainSource(root, withPlainFields, withPlainPatterns)],
  });
  rmSync(root, { recursive: true });
  const code = outputFiles[0]?.text ?? "";
  assert.match(code, /_\$a = 1/);
  assert.match(code, /const b = this\._\$a\.b;/);
  assert.match(code, /const \{ b \} = /);
  assert.match(code, /#a\b/);
  assert.doesNotMatch(code, /Own[^}]*#a/);
});

test("a file is rewritten once for all bundles of a build", async () => {
  const root = mkdtempSync(join(tmpdir(), "plain-source-"));
  mkdirSync(join(root, "pkg"));
  writeFileSync(join(root, "pkg/it.ts"), "export const it = 1;");
  let count = 0;
  const plain = plainSource(root, (source) => source.replace("1", `${++count}`));
  const bundle = async () => {
    const entryPoints = [join(root, "pkg/it.ts")];
    const { outputFiles } = await build({ entryPoints, write: false, plugins: [plain] });
    return outputFiles[0]?.text;
  };
  const texts = [await bundle(), await bundle()];
  rmSync(root, { recursive: true });
  assert.equal(count, 1);
  assert.equal(texts[0], texts[1]);
});
