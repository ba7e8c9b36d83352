/** Hardware addresses in the text forms Go's net.ParseMAC reads: `aa:bb:…`, `aa-bb-…`, `aabb.ccdd.…`, `aabbcc…`. */

import { hexDigit } from "./hex.ts";

const LENGTHS = [6, 8, 20]; // Ethernet, EUI-64, InfiniBand
/** Every byte as two digits. */
const PAIRS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** The 6, 8 or 20 bytes, undefined for any other text. */
export function parseMac(text: string): Uint8Array | undefined {
  return parseCanonical(text) ?? parseAny(text);
}

const COLON = 58;
/** The values of digits by their codes, as formatMac writes them; 16 for all other characters. */
const DIGITS = Uint8Array.from({ length: 128 }, (_, code) => {
  const value = hexDigit(code);
  return value < 0 || (code >= 65 && code <= 70) ? 16 : value;
});

/** Six bytes as formatMac writes them: nearly always it is that, and this takes a fifth of the time. */
function parseCanonical(text: string): Uint8Array | undefined {
  if (text.length !== 17) return undefined;
  const bytes = new Uint8Array(6);
  let at = 0;
  for (let index = 0; index < 6; index++) {
    if (index > 0 && text.charCodeAt(at++) !== COLON) return undefined;
    const high = DIGITS[text.charCodeAt(at++)] ?? 16;
    const low = DIGITS[text.charCodeAt(at++)] ?? 16;
    if ((high | low) > 15) return undefined;
    bytes[index] = (high << 4) | low;
  }
  return bytes;
}

function parseAny(text: string): Uint8Array | undefined {
  const third = text.charAt(2);
  if (third === ":" || third === "-") return parseGroups(text, third, 2);
  return text.charAt(4) === "." ? parseGroups(text, ".", 4) : parseGroups(text, "", text.length);
}

/** Groups of so many digits each, with a separator between them. */
function parseGroups(text: string, separator: string, digits: number): Uint8Array | undefined {
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

/** Lower case, colons. */
export function formatMac(bytes: Uint8Array): string {
  if (bytes.length !== 6) return Array.from(bytes, (byte) => PAIRS[byte]).join(":");
  const [p, b] = [PAIRS, bytes];
  return `${p[b[0] ?? 0]}:${p[b[1] ?? 0]}:${p[b[2] ?? 0]}:${p[b[3] ?? 0]}:${p[b[4] ?? 0]}:${p[b[5] ?? 0]}`;
}
