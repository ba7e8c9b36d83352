/** Attributes whose form another one of their set decides. */

import type { Attributes, Codec, Siblings, ValueOf } from "./codec.ts";
import { WireError } from "./wire.ts";

/** A set whose table the sibling `tag` names: IFLA_INFO_DATA by its kind. Of an unknown one nothing is read. */
export function chosenBy<const C extends Readonly<Record<string, Attributes>>>(
  tag: string,
  choices: C,
): Codec<ValueOf<C[keyof C]>> {
  const chosen = (siblings: Siblings): Attributes | undefined => {
    const name = siblings[tag];
    return typeof name === "string" && Object.hasOwn(choices, name) ? choices[name] : undefined;
  };
  return {
    tag,
    write(to, value, siblings) {
      const table = chosen(siblings);
      if (!table) throw new WireError(`cannot encode the data of ${tag} "${siblings[tag]}"`);
      table.write(to, value as Siblings, siblings);
    },
    read(from, start, end, siblings) {
      return chosen(siblings)?.read(from, start, end, siblings) as ValueOf<C[keyof C]>;
    },
  };
}
