/** The container id that cnitool gives a namespace: the reference's, so that either tool deletes what the other added. */

import { sha512 } from "@noble/hashes/sha2.js";
import type { Session } from "./command.ts";

const bytesUsed = 10;

/** `cnitool-` and twenty digits that follow from the namespace's absolute path. */
export function containerIdOf(netns: string, { machine }: Pick<Session, "machine">): string {
  const digest = sha512(machine.encode(netns)).subarray(0, bytesUsed);
  const digits = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0"));
  return `cnitool-${digits.join("")}`;
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
