/** Text to bytes and back, UTF-8 always. */

import { port } from "#port";
import { Errno, SysError } from "./errno.ts";

/** The UTF-8 form of a text. */
export function encode(text: string): Uint8Array {
  return port.utf8Encode(text);
}

/** The text in UTF-8 bytes; ill-formed bytes become U+FFFD, a byte order mark stays. */
export function decode(bytes: Uint8Array): string {
  return port.utf8Decode(bytes);
}

/** The text with a NUL behind it, as the kernel takes paths and names. */
export function cString(text: string): Uint8Array {
  const bytes = port.utf8Encode(`${text}\0`);
  // Looked for in the bytes: in the text that costs ten times as much.
  if (bytes.indexOf(0) === bytes.length - 1) return bytes;
  throw new SysError("use", Errno.EINVAL, JSON.stringify(text));
}
