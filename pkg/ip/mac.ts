/** Hardware addresses in the text forms Go's net.ParseMAC reads: `aa:bb:…`, `aa-bb-…`, `aabb.ccdd.…`, `aabbcc…`. */

import { hexDigit } from "./hex.ts";

const LENGTHS = [6, 8, 20]; // Ethernet, EUI-64, InfiniBand
const HEX = "0123456789abcdef";

/** The 6, 8 or 20 bytes, undefined for any other text. */
export function parseMac(text: string): Uint8Array | undefined {
  const [separator, digits] = grouping(text);
  const groups = (text.length + separator.length) / (digits + separator.length);
  const length = (groups * digits) / 2;
  if (!LENGTHS.includes(length)) return undefined;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (let i = 0; i < length; i++) {
    if (i > 0 && (i * 2) % digits === 0 && text.charAt(at++) !== separator) return undefined;
    const high = hexDigit(text.charCodeAt(at++));
    const low = hexDigit(text.charCodeAt(at++));
    if (high < 0 || low < 0) return undefined;
    bytes[i] = high * 16 + low;
  }
  return bytes;
}

function grouping(text: string): [separator: string, digits: number] {
  const third = text.charAt(2);
  if (third === ":" || third === "-") return [third, 2];
  return text.charAt(4) === "." ? [".", 4] : ["", text.length];
}

/** Lower case, colons. */
export function formatMac(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) {
    text += (text && ":") + HEX.charAt(byte >> 4) + HEX.charAt(byte & 15);
  }
  return text;
}
