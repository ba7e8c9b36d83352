/** Values in one line, for the messages of failed tests. */

/** A value as text: types, undefined keys and typed arrays stay visible. */
export function inspect(value: unknown, depth = 0): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return `[function ${value.name}]`;
  if (typeof value !== "object" || value === null)
    return Object.is(value, -0) ? "-0" : String(value);
  if (depth > 8) return "...";
  if (value instanceof RegExp) return String(value);
  const next = (member: unknown) => inspect(member, depth + 1);
  if (value instanceof Error) return `[${String(value)}]${properties(value, next)}`;
  if (value instanceof Uint8Array) {
    const bytes = Array.from(value, (byte) => byte.toString(16).padStart(2, "0"));
    return `${value.constructor.name}(${value.length}) <${bytes.join(" ")}>`;
  }
  if (Array.isArray(value)) return `[${Array.from(value, next).join(", ")}]`;
  if (value instanceof Map) {
    return `Map {${Array.from(value, ([key, held]) => `${next(key)} => ${next(held)}`).join(", ")}}`;
  }
  if (value instanceof Set) return `Set {${Array.from(value, next).join(", ")}}`;
  const name = Object.getPrototypeOf(value)?.constructor?.name ?? "(no prototype)";
  return `${name === "Object" ? "" : `${name} `}${properties(value, next)}`;
}

function properties(value: object, next: (member: unknown) => string): string {
  const pairs = Object.entries(value).map(([key, held]) => `${key}: ${next(held)}`);
  return pairs.length === 0 && value instanceof Error ? "" : `{ ${pairs.join(", ")} }`;
}
