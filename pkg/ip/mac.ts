/** Hardware addresses in the text forms Go's net.ParseMAC reads: `aa:bb:..`, `aa-bb-..`, `aabb.ccdd...`. */

import { hexDigit } from "./hex.ts";

const HEX = "0123456789abcdef";

/** The 6, 8 or 20 bytes, undefined for any other text. */
export function parseMac(text: string): Uint8Array | undefined {
  const dotted = text.charAt(4) === ".";
  const separator = dotted ? "." : text.charAt(2);
  if (!dotted && separator !== ":" && separator !== "-") return undefined;
  const digits = dotted ? 4 : 2; // in each group
  const groups = (text.length + 1) / (digits + 1);
  const bytes = new Uint8Array(Math.trunc(groups) * (digits / 2));
  if (!Number.isInteger(groups) || ![6, 8, 20].includes(bytes.length)) return undefined;

  let at = 0;
  for (let i = 0; i < bytes.length; i++) {
    if (at > 0 && at % (digits + 1) === digits) {
      if (text.charAt(at++) !== separator) return undefined;
    }
    const high = hexDigit(text.charCodeAt(at++));
    const low = hexDigit(text.charCodeAt(at++));
    if (high < 0 || low < 0) return undefined;
    bytes[i] = high * 16 + low;
  }
  return bytes;
}

/** Lower case, colons. */
export function formatMac(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) {
    text += (text && ":") + HEX.charAt(byte >> 4) + HEX.charAt(byte & 15);
  }
  return text;
}
