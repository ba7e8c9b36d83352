/**
 * What the checks of tables mean in JSON Schema, which cannot run them: actions to put beside them. They check
 * nothing; only the schemas' generator (scripts/build-schema.ts) looks at them.
 */

import * as v from "valibot";

/** Keywords for a text. */
export function says<const Keywords extends Readonly<Record<string, unknown>>>(keywords: Keywords) {
  return v.metadata<string, Keywords>(keywords);
}

/** Keywords that accept addresses of both families. */
const address = [{ format: "ipv4" }, { format: "ipv6" }];

export const saysAddress = says({ anyOf: address });
export const saysAddressOrNothing = says({ anyOf: [...address, { const: "" }] });

const byte4 = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const cidr4 = `${byte4}(\\.${byte4}){3}/(3[0-2]|[12]?[0-9])`;
// The groups of an IPv6 address are beyond a pattern that a person could still read.
const cidr6 = "[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*/(12[0-8]|1[01][0-9]|[1-9]?[0-9])";

export const saysCidr = says({
  title: "an address with its prefix length, such as 10.1.0.0/24",
  pattern: `^(${cidr4}|${cidr6})$`,
});

/** A MAC address of so many bytes, in each of its notations. */
function macPattern(...lengths: readonly number[]): string {
  const groups = (digits: number, separator: string) => {
    const one = `[0-9A-Fa-f]{${digits}}`;
    const further = lengths.map((bytes) => `{${(2 * bytes) / digits - 1}}`);
    return further.map((count) => `${one}(${separator}${one})${count}`).join("|");
  };
  return `${groups(2, ":")}|${groups(2, "-")}|${groups(4, "\\.")}`;
}

export const saysMac = says({ title: "a MAC address", pattern: `^(${macPattern(6, 8, 20)})$` });
export const saysMacOrNothing = says({
  title: "a MAC address",
  pattern: `^(|${macPattern(6, 8, 20)})$`,
});
/** What an interface may have: Ethernet's length, and no group's address. */
export const saysUnicastMac = says({
  title: "a MAC address of one interface, such as 0a:00:00:00:00:01",
  pattern: `^(|(?=.[02468aceACE])(${macPattern(6)}))$`,
});

/** As the kernel names interfaces: IFNAMSIZ, linux/if.h. */
export const saysLinkName = says({
  title: "an interface's name of at most 15 characters",
  pattern: "^[^/:\\s]{0,15}$",
});

/** One of these, where the plugin refuses others in words of its own; an empty text is an absent one. */
export function saysOneOf(...texts: readonly string[]) {
  return says({ enum: [...texts, ""] });
}

/** A number within bounds, where the plugin refuses others in words of its own. */
export function saysWithin(minimum: number, maximum: number) {
  return v.metadata<number, { minimum: number; maximum: number }>({ minimum, maximum });
}
