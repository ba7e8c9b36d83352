/** Where the executables under test are, and those of the reference suite they are compared with. */

import { execFileSync, type StdioOptions } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../../..");
const plugins = ["bridge", "host-local", "loopback", "portmap"];

/** Our executables: TSCNI_BIN, else what `npm run build` made. */
export const ours = process.env.TSCNI_BIN ?? join(root, "dist/bin");

/** The reference's: TSCNI_REFERENCE_BIN, else what scripts/install-reference.sh made; undefined if there are none. */
export const reference = [process.env.TSCNI_REFERENCE_BIN, join(root, "dist/reference/bin")].find(
  (directory) => directory !== undefined && plugins.every((name) => isExecutable(directory, name)),
);

/** The versions of the specification that the reference speaks. Debian's is years behind. */
const referenceVersions: readonly string[] =
  reference === undefined ? [] : versionsOf(join(reference, "bridge"));

/** The newest version that both suites speak. */
export const sharedVersion = referenceVersions.at(-1) ?? "1.1.0";

/** For node:test's `skip`: why a comparison cannot run, false where it can. */
export const withoutReference =
  reference === undefined &&
  "the reference's executables are missing (scripts/install-reference.sh)";

/** The same for what only a reference of today can be compared with. */
export const withoutNewReference =
  withoutReference ||
  (sharedVersion !== "1.1.0" && `the reference in ${reference} speaks ${sharedVersion} at most`);

function versionsOf(executable: string): string[] {
  const env = { CNI_COMMAND: "VERSION" };
  // No stdin: VERSION does not read it, and a pipe that nobody reads is an error.
  const stdio: StdioOptions = ["ignore", "pipe", "inherit"];
  const reply = execFileSync(executable, { env, stdio, encoding: "utf8" });
  return JSON.parse(reply).supportedVersions;
}

function isExecutable(directory: string, name: string): boolean {
  try {
    accessSync(join(directory, name), constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Throws where the tests cannot run at all, in a sentence that says what to do. */
export function checkPreconditions(): void {
  if (process.getuid?.() !== 0) {
    throw new Error("the integration tests make network namespaces: run them as root");
  }
  for (const name of plugins) {
    if (!isExecutable(ours, name))
      throw new Error(`no ${name} in ${ours}: run npm run build first`);
  }
}
