/** Which executables the suite has, found from its folders: plugins/<name>/<name>.ts exports the plugin. */

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** One executable: its name, and where its plugin is defined. */
export interface Executable {
  readonly name: string;
  /** Relative to the project's root. */
  readonly file: string;
  readonly exportName: string;
  readonly isIpam: boolean;
}

/** Folders whose plugin has further names. */
const furtherNames: Readonly<Record<string, readonly string[]>> = {};

/** Every executable of the suite, by name. */
export function findSuite(root: string): Executable[] {
  const suite: Executable[] = [];
  for (const folder of readdirSync(join(root, "plugins")).sort()) {
    const isIpam = folder.startsWith("ipam-");
    const plugin = isIpam ? folder.slice("ipam-".length) : folder;
    const file = `plugins/${folder}/${plugin}.ts`;
    if (!existsSync(join(root, file))) continue;
    for (const name of [plugin, ...(furtherNames[folder] ?? [])]) {
      suite.push({ name, file, exportName: camelCase(plugin), isIpam });
    }
  }
  return suite;
}

function camelCase(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
