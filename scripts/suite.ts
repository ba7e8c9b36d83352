/** Which executables the suite has, found from its folders: plugins/<name>/<name>.ts exports the plugin. */

import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";

/** One executable: its name, and where its plugin is defined. */
export interface Executable {
  readonly name: string;
  /** Relative to the project's root, or absolute. */
  readonly file: string;
  readonly exportName: string;
  /** The plugin as an expression: under a further name it is the same one, called so. */
  readonly plugin: string;
  readonly isIpam: boolean;
  /** An IPAM plugin that the interface plugins hold, to call it in process. */
  readonly isBuiltIn: boolean;
}

/** Folders whose plugin has further names. */
const furtherNames: Readonly<Record<string, readonly string[]>> = {
  veth: ["ptp"], // the reference suite's name for it
};

/** Names that no variable can have. */
const reservedWords: readonly string[] = ["static"];

/** IPAM plugins that wait for others: to start a process is nothing beside that, and their code is long. */
const alwaysSpawned: readonly string[] = ["dhcp"];

/**
 * A plugin that somebody keeps elsewhere: in a file named after it, or in a folder that holds such a file. The folder may
 * have any name if the file is the only one there that is no test.
 */
export function findPlugin(path: string): Executable {
  const file = statSync(path).isDirectory() ? pluginFile(path) : path;
  const name = basename(file, ".ts");
  const exportName = exportNameOf(name);
  return { name, file, exportName, plugin: exportName, isIpam: false, isBuiltIn: false };
}

function pluginFile(folder: string): string {
  const files = readdirSync(folder).filter((name) => /(?<!\.test)\.ts$/.test(name));
  const named = files.find((name) => name === `${basename(folder)}.ts`);
  const [only = "", ...others] = named === undefined ? files : [named];
  if (only !== "" && others.length === 0) return join(folder, only);
  throw new Error(`${folder} has no file ${basename(folder)}.ts, nor a single other one: name it`);
}

function exportNameOf(plugin: string): string {
  return camelCase(reservedWords.includes(plugin) ? `${plugin}-plugin` : plugin);
}

/** Every executable of the suite, by name. */
export function findSuite(root: string): Executable[] {
  const suite: Executable[] = [];
  for (const folder of readdirSync(join(root, "plugins")).sort()) {
    const isIpam = folder.startsWith("ipam-");
    const plugin = isIpam ? folder.slice("ipam-".length) : folder;
    const file = `plugins/${folder}/${plugin}.ts`;
    if (!existsSync(join(root, file))) continue;
    for (const name of [plugin, ...(furtherNames[folder] ?? [])]) {
      const exportName = exportNameOf(plugin);
      const expression = name === plugin ? exportName : `{ ...${exportName}, name: "${name}" }`;
      const isBuiltIn = isIpam && !alwaysSpawned.includes(name);
      suite.push({ name, file, exportName, plugin: expression, isIpam, isBuiltIn });
    }
  }
  return suite;
}

function camelCase(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
