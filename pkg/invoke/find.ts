/** Finds a plugin's executable (CNI spec 1.1.0, section 2: CNI_PATH). */

import { isSysError } from "../sys/errno.ts";
import { stat } from "../sys/file.ts";

/** The directories of a CNI_PATH. An empty element is the current directory, an empty text none at all. */
export function splitPath(path: string): string[] {
  return path === "" ? [] : path.split(":");
}

/**
 * The path of the executable a type names: the first regular file of that name in the directories.
 * Throws in the reference's words: no name, a name with a slash, no directories, not found.
 */
export function findPlugin(type: string, directories: readonly string[]): string {
  if (type === "") throw new Error("no plugin name provided");
  // The name comes from a configuration: a slash would reach any executable of the host (CVE-2021-20206).
  if (type.includes("/")) throw new Error(`invalid plugin name: ${type}`);
  if (directories.length === 0) throw new Error("no paths provided");
  for (const directory of directories) {
    const path = `${directory === "" ? "." : directory}/${type}`;
    if (isRegularFile(path)) return path;
  }
  throw new Error(`failed to find plugin "${type}" in path [${directories.join(" ")}]`);
}

function isRegularFile(path: string): boolean {
  try {
    return stat(path).isFile;
  } catch (error) {
    // As the reference: a directory that cannot be looked into is passed over.
    if (isSysError(error)) return false;
    throw error;
  }
}
