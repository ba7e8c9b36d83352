/** JSON as Go's encoding/json reads and writes it. */

import { checkSyntax, deepest } from "./json-syntax.ts";

/** What Go escapes beyond JSON.stringify, and how the halves of pairs begin, which Go strings cannot hold. */
const TO_ESCAPE = ["<", ">", "&", "\u2028", "\u2029", "\\"];
const ESCAPED = /\\\\|\\ud[89a-f][0-9a-f]{2}|[<>&\u2028\u2029]/g;

/** Parses, or throws a SyntaxError in Go's words. */
export function decodeJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    checkSyntax(text);
    // Nothing wrong with the text: there was too little stack to get to Go's limit.
    throw new SyntaxError("exceeded max depth");
  }
  if (!isLimited && mayBeTooDeep(text)) checkSyntax(text);
  return value;
}

/** Whether JSON.parse keeps to Go's limit by itself, as the engine's does. */
const isLimited = !parses("[".repeat(deepest + 1) + "]".repeat(deepest + 1));

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** A text no longer than the limit cannot nest deeper, nor one without so many brackets. */
function mayBeTooDeep(text: string): boolean {
  return (
    text.length > deepest && brackets(text, "[", deepest) + brackets(text, "{", deepest) > deepest
  );
}

/** The value's text, compact or indented by so many spaces; keys in the order they have. */
export function goJson(value: unknown, indent = 0): string {
  const text = JSON.stringify(value, null, indent);
  // There is hardly ever any: six looks through the text cost the engine less than one for a pattern.
  for (const part of TO_ESCAPE) if (text.includes(part)) return text.replace(ESCAPED, escapeOne);
  return text;
}

/** How often the bracket occurs, counted up to just past `enough`: no text nests deeper than that. */
function brackets(text: string, bracket: string, enough: number): number {
  return text.split(bracket, enough + 2).length - 1;
}

function escapeOne(found: string): string {
  if (found === "\\\\") return found;
  if (found.length > 1) return "\ufffd";
  return `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
