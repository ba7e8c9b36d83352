/** Finds a plugin's executable (CNI spec 1.1.0, section 2: CNI_PATH). */

import { isSysError } from "../sys/errno.ts";
import { stat } from "../sys/file.ts";
import { candidatePaths, notFound } from "./lookup.ts";

/**
 * The path of the executable a type names: the first regular file of that name in the directories.
 * Throws in the reference's words: no name, a name with a slash, no directories, not found.
 */
export function findPlugin(type: string, directories: readonly string[]): string {
  for (const path of candidatePaths(type, directories)) if (isRegularFile(path)) return path;
  throw notFound(type, directories);
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
