/** What the schemas say of plugins beyond their keys: the versions they speak, and what they read of the runtime's word. */

import type { JsonNode } from "../../libcni/json-tree.ts";
import type { Schema } from "../command.ts";
import { ipamTypeOf, type Link } from "./chain.ts";
import { type Finding, memberOf, textOf } from "./finding.ts";
import type { Schemas } from "./schema.ts";

/** Plugins that hand on or record whatever the runtime says. */
const readers: readonly string[] = ["debug"];

/** Versions that a plugin does not speak, and capabilities that it declares and does not read. */
export function checkDeclared(tree: JsonNode, links: readonly Link[], schemas: Schemas): Finding[] {
  return links.flatMap((link) => [
    ...checkVersion(tree, link, schemas),
    ...checkCapabilities(link, schemas),
  ]);
}

/** The version of a list is that of all its plugins. */
function checkVersion(tree: JsonNode, { type, node }: Link, schemas: Schemas): Finding[] {
  if (memberOf(tree, "cniVersions") !== undefined) return [];
  const place = memberOf(tree, "cniVersion");
  const versions = at(keysOf(type, schemas), "cniVersion", "enum");
  const version = textOf(place) || "0.1.0";
  if (!Array.isArray(versions) || versions.includes(version) || node === tree) return [];
  const message = `${type} does not speak version ${version}, but ${versions.join(", ")}`;
  return [{ severity: "error", offset: (place ?? tree).start, message }];
}

function checkCapabilities(link: Link, schemas: Schemas): Finding[] {
  const { type, node } = link;
  const ipam = ipamTypeOf(link);
  const own = keysOf(type, schemas);
  const addresses = keysOf(ipam, schemas);
  const isKnown = own !== undefined && (ipam === "" || addresses !== undefined);
  const declared = memberOf(node, "capabilities");
  if (!isKnown || readers.includes(type) || declared?.kind !== "object") return [];
  const read = [own, addresses].flatMap((keys) =>
    Object.keys((at(keys, "runtimeConfig", "properties") as Schema | undefined) ?? {}),
  );
  return declared.members.flatMap(({ key, keyStart, value }): Finding[] => {
    const isDeclared = value.kind === "scalar" && value.value === true;
    if (!isDeclared || read.includes(key)) return [];
    const who = ipam === "" ? `${type} does not read` : `neither ${type} nor ${ipam} reads`;
    return [{ severity: "warning", offset: keyStart, message: `${who} the capability "${key}"` }];
  });
}

/** The keys of a plugin of this suite. */
function keysOf(type: string, schemas: Schemas): Schema | undefined {
  const keys = at(schemas[`${type}.json`], "definitions", "keys", "properties");
  return keys as Schema | undefined;
}

function at(schema: Schema | undefined, ...path: readonly string[]): unknown {
  let value: unknown = schema;
  for (const step of path) value = (value as Schema | undefined)?.[step];
  return value;
}
