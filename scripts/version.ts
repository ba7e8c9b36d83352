/** What a build, or a measurement, is of. */

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** The version and the commit it was built from; a changed tree says so. */
export function readVersion(root: string): string {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const git = (...args: string[]) =>
    execFileSync("git", ["-C", root, ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  try {
    const commit = git("rev-parse", "--short=12", "HEAD").trim();
    const changed = git("status", "--porcelain", "--untracked-files=no") !== "";
    return `v${version}+${commit}${changed ? ".changed" : ""}`;
  } catch {
    return `v${version}`; // from an archive, without the repository
  }
}

/** The version of a plugin that is kept elsewhere: of the package.json beside its file. */
export function versionBeside(file: string): string {
  const path = join(dirname(file), "package.json");
  const { version } = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : {};
  return version === undefined ? "of no version" : `v${version}`;
}
