/** Finds what reading JSON hides. */

const token = /"(?:[^"\\]|\\.)*"|[{}[\]:]/g;

/** Whether the object under a key of the outermost one has a key twice. The text must be right JSON. */
export function repeatsKey(json: string, key: string): boolean {
  const seen = new Set<string>();
  let depth = 0;
  let text = '""';
  let under = "";
  for (const [found] of json.matchAll(token)) {
    if (found === "{" || found === "[") depth++;
    else if (found === "}" || found === "]") depth--;
    else if (found !== ":") text = found;
    else if (depth === 1) under = (JSON.parse(text) as string).toLowerCase();
    else if (depth === 2 && under === key) {
      const name: string = JSON.parse(text);
      if (seen.has(name)) return true;
      seen.add(name);
    }
  }
  return false;
}
