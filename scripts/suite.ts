/** Which executables the suite has, found from its folders: plugins/<name>/<name>.ts exports the plugin. */

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** One executable: its name, and where its plugin is defined. */
export interface Executable {
  readonly name: string;
  /** Relative to the project's root. */
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

/** Every executable of the suite, by name. */
export function findSuite(root: string): Executable[] {
  const suite: Executable[] = [];
  for (const folder of readdirSync(join(root, "plugins")).sort()) {
    const isIpam = folder.startsWith("ipam-");
    const plugin = isIpam ? folder.slice("ipam-".length) : folder;
    const file = `plugins/${folder}/${plugin}.ts`;
    if (!existsSync(join(root, file))) continue;
    for (const name of [plugin, ...(furtherNames[folder] ?? [])]) {
      const exportName = camelCase(reservedWords.includes(plugin) ? `${plugin}-plugin` : plugin);
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
