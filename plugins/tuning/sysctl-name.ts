/** The names that configurations give kernel parameters. */

import { goQuote } from "../../pkg/cni/quote.ts";
import { refuse } from "../../pkg/skel/refuse.ts";

/**
 * The file below /proc/sys that a key names, with dots or slashes between its parts; IFNAME is the interface. Throws
 * code 7 for what is not the network namespace's own: all of that, and nothing else, lies in net/.
 */
export function sysctlFile(key: string, ifName: string): string {
  // The interface comes last: its name may hold dots.
  const parts = key
    .replaceAll(".", "/")
    .replace("IFNAME", () => ifName)
    .split("/");
  const file = parts.join("/");
  const isPlain = parts.every((part) => part !== "" && part !== "." && part !== "..");
  if (isPlain && parts[0] === "net" && parts.length > 1 && !file.includes("\0")) return file;
  return refuse(`invalid net sysctl key: ${goQuote(file)}`);
}

const blank = /\s/;
const blanks = /\s+/;

/** Whether two values are one to the kernel, which prints tabs where people write blanks. */
export function sameValue(a: string, b: string): boolean {
  if (a === b) return true;
  const [one, other] = [a.trim(), b.trim()];
  if (one === other || !blank.test(one) || !blank.test(other)) return one === other;
  return one.split(blanks).join(" ") === other.split(blanks).join(" ");
}
