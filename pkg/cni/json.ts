/** JSON as Go's encoding/json writes it. */

/** What Go escapes beyond JSON.stringify, and the halves of pairs which Go strings cannot hold. */
const TO_ESCAPE = /[<>&\u2028\u2029]|\\ud[89a-f]/;
const ESCAPED = /\\\\|\\ud[89a-f][0-9a-f]{2}|[<>&\u2028\u2029]/g;

/** The value's text, compact or indented by so many spaces; keys in the order they have. */
export function goJson(value: unknown, indent = 0): string {
  const text = JSON.stringify(value, null, indent);
  return TO_ESCAPE.test(text) ? text.replace(ESCAPED, escapeOne) : text;
}

function escapeOne(found: string): string {
  if (found === "\\\\") return found;
  if (found.length > 1) return "\ufffd";
  return `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
