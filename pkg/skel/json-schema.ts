/**
 * What the checks of tables mean in JSON Schema, which cannot run them: actions to put beside them. They check
 * nothing; only the schemas' generator (scripts/build-schema.ts) looks at them.
 */

import * as v from "valibot";

/** Keywords for a text. */
function says<const Keywords extends Readonly<Record<string, unknown>>>(keywords: Keywords) {
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

/** Groups of hexadecimal digits for 6, 8 and 20 bytes. */
function groups(digits: number, separator: string): string {
  const one = `[0-9A-Fa-f]{${digits}}`;
  const further = [6, 8, 20].map((bytes) => `{${(2 * bytes) / digits - 1}}`);
  return further.map((count) => `${one}(${separator}${one})${count}`).join("|");
}

export const saysMac = says({
  title: "a MAC address",
  pattern: `^(${groups(2, ":")}|${groups(2, "-")}|${groups(4, "\\.")})$`,
});
