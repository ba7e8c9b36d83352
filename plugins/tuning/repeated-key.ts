/** Finds what reading JSON hides. */

const token = /"(?:[^"\\]|\\.)*"|[{}[\]:]/g;

/**
 * Whether the object under a key of the outermost one has a key twice; `names` are those that reading found there. The
 * text must be right JSON.
 */
export function repeatsKey(json: string, key: string, names: readonly string[]): boolean {
  return mayRepeat(json, key, names) && repeats(json, key);
}

/** To search for few texts is a tenth of the walk. Without escapes a key stands in the text as it is. */
function mayRepeat(json: string, key: string, names: readonly string[]): boolean {
  if (json.includes("\\") || standsTwice(json.toLowerCase(), key)) return true;
  return names.some((name) => standsTwice(json, name));
}

/** Whether it might: the mark before it is not looked at, as every text has one, at which the search would stop. */
function standsTwice(json: string, name: string): boolean {
  const end = `${name}"`;
  return json.indexOf(end, json.indexOf(end) + 1) >= 0;
}

function repeats(json: string, key: string): boolean {
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
