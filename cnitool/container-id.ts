/** The container id that cnitool gives a namespace: the reference's, so that either tool deletes what the other added. */

import { sha512 } from "../pkg/sys/sha512.ts";

const digitsUsed = 20;

/** `cnitool-` and twenty digits that follow from the namespace's absolute path. */
export function containerIdOf(netns: string): string {
  return `cnitool-${sha512(netns).slice(0, digitsUsed)}`;
}

/** The path made absolute and cleaned, links left alone, as Go's filepath.Abs does it. */
export function absolutePath(path: string, workingDirectory: string): string {
  const kept: string[] = [];
  const whole = path.startsWith("/") ? path : `${workingDirectory}/${path}`;
  for (const part of whole.split("/")) {
    if (part === "..") kept.pop();
    else if (part !== "" && part !== ".") kept.push(part);
  }
  return `/${kept.join("/")}`;
}
