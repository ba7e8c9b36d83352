/** Where a plugin's executable may be, by its type and CNI_PATH (CNI spec 1.1.0, section 2). Pure. */

/** The directories of a CNI_PATH. An empty element is the current directory, an empty text none at all. */
export function splitPath(path: string): string[] {
  return path === "" ? [] : path.split(":");
}

/** Where the executable may be, in the order of preference. Throws for what can be nowhere. */
export function candidatePaths(type: string, directories: readonly string[]): string[] {
  if (type === "") throw new Error("no plugin name provided");
  // The name comes from a configuration: a slash would reach any executable of the host (CVE-2021-20206).
  if (type.includes("/")) throw new Error(`invalid plugin name: ${type}`);
  if (directories.length === 0) throw new Error("no paths provided");
  return directories.map((directory) => `${directory === "" ? "." : directory}/${type}`);
}

/** The error where none of the candidates is a file. */
export function notFound(type: string, directories: readonly string[]): Error {
  return new Error(`failed to find plugin "${type}" in path [${directories.join(" ")}]`);
}
