/** Text to bytes and back, UTF-8 always. */

import { port } from "#port";

/** The UTF-8 form of a text. */
export function encode(text: string): Uint8Array {
  return port.utf8Encode(text);
}

/** The text in UTF-8 bytes; ill-formed bytes become U+FFFD, a byte order mark stays. */
export function decode(bytes: Uint8Array): string {
  return port.utf8Decode(bytes);
}
