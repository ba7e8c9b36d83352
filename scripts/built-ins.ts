/**
 * Methods of the language that a program names, looked up while its image is made. QuickJS makes the function of each
 * when it is first looked up, which writes to the object that has it: at run time, that is a page to copy for nearly each.
 */

/** What the language looks up by itself. */
const implied = "next return then constructor exec flags toString toJSON message stack";

/** A statement to put at a program's end, on a line of its own. */
export function lookUpBuiltIns(code: string): string {
  const named = code.match(/(?<=\.)[a-z]\w*|\b[A-Z]\w*/g) ?? [];
  const words = new Set([...named, ...implied.split(" ")]);
  return `(() => {
    const words = new Set("${[...words].join(" ")}".split(" "));
    const seen = new Set([null]);
    const lookUp = (object) => {
      if ((typeof object !== "object" && typeof object !== "function") || seen.has(object)) return;
      seen.add(object);
      lookUp(Object.getPrototypeOf(object));
      for (const key of Reflect.ownKeys(object)) {
        if (typeof key === "symbol" || words.has(key)) lookUp(Object.getOwnPropertyDescriptor(object, key).value);
      }
    };
    lookUp(globalThis);
    const iterators = [[].values(), new Map().keys(), new Set().keys(), ""[Symbol.iterator](), (function* () {})()];
    for (const iterator of iterators) lookUp(iterator);
  })();
`;
}
