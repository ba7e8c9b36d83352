/**
 * Rewrites what is bundled of the suite's own into what QuickJS runs faster: scripts/plain-fields.ts and
 * scripts/plain-patterns.ts say what, and why.
 */

import { readFileSync } from "node:fs";
import { relative } from "node:path";
import type { Plugin } from "esbuild";

/**
 * For esbuild; one serves all bundles of a build, as it keeps what it has rewritten. What lies elsewhere than in the
 * suite's own folders is an author's plugin and stays as it is: it may freeze or print what it holds, and be written in
 * what is not parsed here, decorators for one.
 */
export function plainSource(
  root: string,
  ...rewrites: readonly ((source: string) => string)[]
): Plugin {
  const known = new Map<string, string>();
  const contentsOf = (path: string) => {
    const contents =
      known.get(path) ??
      rewrites.reduce((source, rewrite) => rewrite(source), readFileSync(path, "utf8"));
    known.set(path, contents);
    return contents;
  };
  return {
    name: "plain-source",
    setup(build) {
      build.onLoad({ filter: /\.ts$/ }, ({ path }) =>
        /^(pkg|plugins|libcni|cnitool)\//.test(relative(root, path))
          ? { contents: contentsOf(path), loader: "ts" }
          : undefined,
      );
    },
  };
}
