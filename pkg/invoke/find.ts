/** Finds a plugin's executable (CNI spec 1.1.0, section 2: CNI_PATH). */

import { tryStat } from "../sys/statx.ts";
import { candidatePaths, notFound } from "./lookup.ts";

/**
 * The path of the executable a type names: the first regular file of that name in the directories.
 * Throws in the reference's words: no name, a name with a slash, no directories, not found.
 */
export function findPlugin(type: string, directories: readonly string[]): string {
  for (const path of candidatePaths(type, directories)) {
    // As the reference: a directory that cannot be looked into is passed over.
    if (tryStat(path)?.isFile) return path;
  }
  throw notFound(type, directories);
}
