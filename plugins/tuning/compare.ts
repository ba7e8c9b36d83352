/** What is not as it is wanted, in words. */

import type { Wanted } from "./config.ts";
import { linkKeys } from "./state.ts";
import { sameValue } from "./sysctl-name.ts";

/** Every difference, a sentence each. A value that cannot be read is none. */
export function differences(ifName: string, wanted: Wanted, present: Wanted): string[] {
  const found: string[] = [];
  for (const [file, value] of Object.entries(wanted.sysctl)) {
    const current = present.sysctl[file];
    if (current === undefined || sameValue(current, value)) continue;
    found.push(
      `Error: Tuning configured value of ${file} is ${value}, current value is ${current}`,
    );
  }
  for (const key of linkKeys) {
    const value = wanted.link[key];
    const current = present.link[key];
    if (value === undefined || value === current) continue;
    found.push(
      `Error: Tuning configured ${key} of ${ifName} is ${value}, current value is ${current}`,
    );
  }
  return found;
}
