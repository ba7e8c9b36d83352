/** SHA-512, by which the reference suite derives names of chains and links from those of networks. */

import { port } from "#port";

/** The digest of a text, in lower-case hexadecimal. */
export function sha512(text: string): string {
  return port.sha512(text);
}
